internal import CLinux
internal import Glibc

/// One named thread that runs an actor's work: SQLite and fsync block here and never on Swift's shared pool.
///
/// The thread ends when nothing refers to this executor any more.
// The queue is only touched under its lock, and a pthread mutex cannot be expressed as Sendable.
final class StorageThread: SerialExecutor, @unchecked Sendable {
    private let queue: Queue

    /// - Parameter name: shown by `top -H`; Linux keeps 15 bytes of it.
    init(name: String, path: String) throws(StorageError) {
        queue = Queue(name: name)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, StorageThread.stackSize)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(queue)
        let failure = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Queue>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard failure == 0 else {
            argument.release()
            throw StorageError(.other, path: path, detail: "no thread for the database: error \(failure)")
        }
    }

    deinit { queue.stop() }

    /// SQLite's deepest recursion and Swift's decoding need far less than this; the default of 8 MB only costs address space.
    private static let stackSize = 1 << 20

    func enqueue(_ job: consuming ExecutorJob) {
        queue.add(UnownedJob(job), on: self)
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

extension StorageThread {
    /// What the thread shares with its executor; the thread holds this and not the executor, so that the executor can end.
    // Every field is only touched under `mutex`.
    final class Queue: @unchecked Sendable {
        private let name: String
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private var jobs: [(job: UnownedJob, executor: StorageThread)] = []
        private var isStopped = false

        init(name: String) {
            self.name = name
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_cond_destroy(condition)
            pthread_mutex_destroy(mutex)
            condition.deallocate()
            mutex.deallocate()
        }

        func add(_ job: UnownedJob, on executor: StorageThread) {
            pthread_mutex_lock(mutex)
            jobs.append((job, executor))
            pthread_cond_signal(condition)
            pthread_mutex_unlock(mutex)
        }

        func stop() {
            pthread_mutex_lock(mutex)
            isStopped = true
            pthread_cond_signal(condition)
            pthread_mutex_unlock(mutex)
        }

        func run() {
            nameThread()
            while let batch = take() {
                // The executor is held until its job is done: the job may drop the last other reference to it.
                for entry in batch { entry.job.runSynchronously(on: entry.executor.asUnownedSerialExecutor()) }
            }
        }

        /// A name is a convenience: without /proc there is none.
        private func nameThread() {
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            let bytes = Array(name.utf8.prefix(15))
            _ = write(file, bytes, bytes.count)
        }

        /// All jobs waiting; waits for one. Nil when the executor is gone.
        private func take() -> [(job: UnownedJob, executor: StorageThread)]? {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            while jobs.isEmpty {
                if isStopped { return nil }
                pthread_cond_wait(condition, mutex)
            }
            let batch = jobs
            jobs = []
            return batch
        }
    }
}
