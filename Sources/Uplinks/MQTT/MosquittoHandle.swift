internal import CMosquitto
internal import Glibc

/// What libmosquitto's callbacks told, in order, until the connection's thread takes it. Confined to that thread.
final class CallbackInbox {
    enum Event {
        case connack(code: Int, sessionPresent: Bool)
        case disconnected(code: Int)
        case puback(messageID: Int32, code: Int)
        case suback(code: Int)
        case message(IncomingMessage)
    }

    var events: [Event] = []
    /// The library's last complaint; it knows more of a failed TLS handshake than its return codes say.
    var complaint: String?
    /// Longer payloads are not copied.
    let largestPayload: Int

    init(largestPayload: Int) { self.largestPayload = largestPayload }

    func take() -> [Event] {
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }
}

struct IncomingMessage: Sendable {
    let topic: String
    /// Cut at one byte more than the largest payload.
    let payload: [UInt8]
    let retained: Bool
    /// MQTT 5 message expiry that is left, in seconds.
    let expirySeconds: UInt32?
    let responseTopic: String?
    let correlationData: [UInt8]
}

/// A failed call of libmosquitto, in words.
struct MosquittoError: Error, CustomStringConvertible {
    let code: Int32
    let description: String

    init(_ code: Int32, complaint: String? = nil) {
        self.code = code
        var text = String(cString: mosquitto_strerror(code))
        if code == Int32(MOSQ_ERR_ERRNO.rawValue) { text = String(cString: strerror(errno)) }
        if code == Int32(MOSQ_ERR_EAI.rawValue) { text = "the host name cannot be resolved: check url and DNS" }
        if let complaint, code == Int32(MOSQ_ERR_TLS.rawValue) || code == Int32(MOSQ_ERR_ERRNO.rawValue) {
            text += " (\(complaint))"
        }
        description = text
    }

    init(_ text: String) {
        code = Int32(MOSQ_ERR_INVAL.rawValue)
        description = text
    }

    var isTooLarge: Bool {
        code == Int32(MOSQ_ERR_OVERSIZE_PACKET.rawValue) || code == Int32(MOSQ_ERR_PAYLOAD_SIZE.rawValue)
    }

    /// The connection is gone, as opposed to: this message cannot be sent.
    var isLoss: Bool {
        [MOSQ_ERR_NO_CONN, MOSQ_ERR_CONN_LOST, MOSQ_ERR_ERRNO, MOSQ_ERR_TLS, MOSQ_ERR_NOMEM, MOSQ_ERR_KEEPALIVE]
            .contains { Int32($0.rawValue) == code }
    }
}

/// The library wants to be initialised once before its first handle; a lazily initialised constant is that, from whatever thread.
private let libraryIsInitialised: Bool = mosquitto_lib_init() == Int32(MOSQ_ERR_SUCCESS.rawValue)

/// The one owner of a `struct mosquitto`: one connection's life, used by one thread, destroyed with all it holds when it goes out of scope.
struct MosquittoHandle: ~Copyable {
    private let pointer: OpaquePointer
    let inbox: CallbackInbox

    deinit { mosquitto_destroy(pointer) }

    init(clientID: String, cleanSession: Bool, inbox: CallbackInbox) throws(MosquittoError) {
        guard libraryIsInitialised else { throw MosquittoError("libmosquitto cannot be initialised") }
        // The inbox outlives the pointer: this value holds both, and callbacks come only from calls on it.
        let userData = Unmanaged.passUnretained(inbox).toOpaque()
        guard let pointer = mosquitto_new(clientID, cleanSession, userData) else {
            throw MosquittoError(Int32(MOSQ_ERR_NOMEM.rawValue))
        }
        self.pointer = pointer
        self.inbox = inbox
        setCallbacks()
    }

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(pointer) { _, data, code, flags, _ in
            inboxOf(data)?.events.append(.connack(code: Int(code), sessionPresent: flags & 1 != 0))
        }
        mosquitto_disconnect_v5_callback_set(pointer) { _, data, code, _ in
            inboxOf(data)?.events.append(.disconnected(code: Int(code)))
        }
        mosquitto_publish_v5_callback_set(pointer) { _, data, messageID, code, _ in
            inboxOf(data)?.events.append(.puback(messageID: messageID, code: Int(code)))
        }
        mosquitto_subscribe_v5_callback_set(pointer) { _, data, _, count, granted, _ in
            let code = count > 0 ? granted.map { Int($0[0]) } : nil
            inboxOf(data)?.events.append(.suback(code: code ?? 0x80))
        }
        mosquitto_message_v5_callback_set(pointer) { _, data, message, properties in
            guard let inbox = inboxOf(data), let message else { return }
            inbox.events.append(.message(IncomingMessage(message.pointee, properties, longest: inbox.largestPayload)))
        }
        mosquitto_log_callback_set(pointer) { _, data, level, text in
            guard let inbox = inboxOf(data), let text, level & (MOSQ_LOG_ERR | MOSQ_LOG_WARNING) != 0 else { return }
            inbox.complaint = String(cString: text)
        }
    }

    /// Everything that must be set before ``connect(_:keepAlive:sessionExpiry:largestPacket:)``.
    func configure(_ options: MQTTOptions, version: MQTTOptions.Version) throws(MosquittoError) {
        let number = version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        try check(mosquitto_int_option(pointer, MOSQ_OPT_PROTOCOL_VERSION, number))
        try check(mosquitto_int_option(pointer, MOSQ_OPT_TCP_NODELAY, 1))
        // Documents and responses come on top of the window.
        try check(mosquitto_max_inflight_messages_set(pointer, UInt32(options.inFlight) + 16))
        if let username = options.username {
            try check(mosquitto_username_pw_set(pointer, username, options.password))
        }
        if let tls = options.tls { try configure(tls) }
    }

    func setWill(topic: String, payload: [UInt8]) throws(MosquittoError) {
        try check(mosquitto_will_set(pointer, topic, Int32(payload.count), payload, 1, true))
    }

    private func configure(_ tls: MQTTOptions.TLS) throws(MosquittoError) {
        for (key, path) in [("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)] {
            guard let path, access(path, R_OK) != 0 else { continue }
            throw MosquittoError("\(key): \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        // Without an authority of its own the broker is judged by those that the system trusts.
        let folder = tls.ca == nil ? "/etc/ssl/certs" : nil
        try check(
            mosquitto_tls_set(pointer, tls.ca, folder, tls.certificate, tls.key) { _, _, _, _ in
                // A key with a pass phrase: nobody is there to type it, and OpenSSL would ask on the terminal.
                0
            })
    }

    /// Resolves, opens the socket and sends CONNECT. Blocks as long as the kernel tries (about two minutes to a host that is silent).
    func connect(
        _ options: MQTTOptions, version: MQTTOptions.Version, sessionExpiry: Duration?, largestPacket: Int?
    ) throws(MosquittoError) {
        var properties = PropertyList()
        if version == .v5 {
            if let sessionExpiry {
                properties.add(MQTT_PROP_SESSION_EXPIRY_INTERVAL, UInt32(clamping: sessionExpiry.components.seconds))
            }
            if let largestPacket { properties.add(MQTT_PROP_MAXIMUM_PACKET_SIZE, UInt32(clamping: largestPacket)) }
        }
        let keepAlive = Int32(MQTTOptions.keepAlive.components.seconds)
        try check(
            mosquitto_connect_bind_v5(
                pointer, options.host, Int32(options.port), keepAlive, nil, properties.first))
    }

    func subscribe(_ topic: String, version: MQTTOptions.Version) throws(MosquittoError) {
        // With MQTT 5 a retained command is heard of once, when the subscription is new, and not at every connect; and one that
        // is sent while the gateway listens keeps its retain flag, so that it is refused then too.
        let options = MQTT_SUB_OPT_SEND_RETAIN_NEW.rawValue | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED.rawValue
        let flags = version == .v5 ? Int32(options) : 0
        try check(mosquitto_subscribe_v5(pointer, nil, topic, 1, flags, nil))
    }

    /// Hands a message to the library; the identifier comes back in the callback of its acknowledgement.
    func publish(
        topic: String, payload: [UInt8], qos: UInt8, retain: Bool, properties: borrowing PropertyList
    ) throws(MosquittoError) -> Int32 {
        var identifier: Int32 = 0
        try check(
            mosquitto_publish_v5(
                pointer, &identifier, topic, Int32(payload.count), payload, Int32(qos), retain, properties.first))
        return identifier
    }

    func disconnect() { _ = mosquitto_disconnect_v5(pointer, 0, nil) }

    /// -1 when there is none.
    var socket: Int32 { mosquitto_socket(pointer) }
    var wantsWrite: Bool { mosquitto_want_write(pointer) }

    func read() throws(MosquittoError) { try check(mosquitto_loop_read(pointer, 1)) }
    func write() throws(MosquittoError) { try check(mosquitto_loop_write(pointer, 1)) }
    func housekeeping() throws(MosquittoError) { try check(mosquitto_loop_misc(pointer)) }

    private func check(_ code: Int32) throws(MosquittoError) {
        guard code != Int32(MOSQ_ERR_SUCCESS.rawValue) else { return }
        throw MosquittoError(code, complaint: inbox.complaint)
    }
}

private func inboxOf(_ data: UnsafeMutableRawPointer?) -> CallbackInbox? {
    data.map { Unmanaged<CallbackInbox>.fromOpaque($0).takeUnretainedValue() }
}

extension IncomingMessage {
    fileprivate init(_ message: mosquitto_message, _ properties: OpaquePointer?, longest: Int) {
        topic = message.topic.map { String(cString: $0) } ?? ""
        let length = min(Int(message.payloadlen), longest + 1)
        payload = message.payload.map { Array(UnsafeRawBufferPointer(start: $0, count: length)) } ?? []
        retained = message.retain
        var expiry: UInt32 = 0
        let hasExpiry =
            mosquitto_property_read_int32(
                properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), &expiry, false) != nil
        expirySeconds = hasExpiry ? expiry : nil
        var text: UnsafeMutablePointer<CChar>?
        let hasTopic =
            mosquitto_property_read_string(
                properties, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), &text, false) != nil
        responseTopic = hasTopic ? text.map { String(cString: $0) } : nil
        free(text)
        var data: UnsafeMutableRawPointer?
        var count: UInt16 = 0
        let hasData =
            mosquitto_property_read_binary(
                properties, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), &data, &count, false) != nil
        correlationData = hasData ? data.map { Array(UnsafeRawBufferPointer(start: $0, count: Int(count))) } ?? [] : []
        free(data)
    }
}

/// Owner of a list of MQTT 5 properties.
struct PropertyList: ~Copyable {
    private(set) var first: OpaquePointer?

    init() {}

    deinit {
        var list = first
        mosquitto_property_free_all(&list)
    }

    mutating func add(_ name: mqtt5_property, _ value: UInt32) {
        _ = mosquitto_property_add_int32(&first, Int32(name.rawValue), value)
    }

    mutating func addTextFormat() {
        _ = mosquitto_property_add_byte(&first, Int32(MQTT_PROP_PAYLOAD_FORMAT_INDICATOR.rawValue), 1)
    }

    mutating func add(contentType: String) {
        _ = mosquitto_property_add_string(&first, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), contentType)
    }

    mutating func add(user name: String, _ value: String) {
        _ = mosquitto_property_add_string_pair(&first, Int32(MQTT_PROP_USER_PROPERTY.rawValue), name, value)
    }

    mutating func add(correlationData data: [UInt8]) {
        _ = mosquitto_property_add_binary(
            &first, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), data, UInt16(clamping: data.count))
    }
}
