/// Byte vectors of the three interfaces, by name.
///
/// Sources: Foxtron, "Communication protocol" 1.7 (names that begin with `doc_`), the others computed after it; LUBA as python-dali
/// 0.16 speaks it, names after the vendor's description; SevenLab, doc/commands.md and doc/messages.md of the published firmware.
enum InterfaceVectors {
    /// Hexadecimal bytes.
    static let luba: [String: String] = [
        "query_device_info_set0": "59 20 01 00 21",
        "settings_default": "59 2A 03 00 12 00 3B",
        "settings_bus_power_on": "59 2A 03 00 12 80 BB",
        "query_device_descriptor": "59 28 00 28",
        "read_status_line0": "59 2C 01 00 2D",
        "tx_A1_DAPC_127_prio2": "59 32 07 00 10 02 02 7F 00 00 5A",
        "tx_bcast_OFF_prio2": "59 32 07 00 10 02 FF 00 00 00 D8",
        "tx_A1_QUERY_ACTUAL_LEVEL_prio5": "59 32 07 00 10 05 03 A0 00 00 83",
        "tx_A1_QUERY_STATUS_prio5": "59 32 07 00 10 05 03 90 00 00 B3",
        "tx_INITIALISE_all_twice_prio3": "59 32 07 00 10 83 A5 00 00 00 03",
        "tx_bcast_SET_FADE_TIME_twice_prio3": "59 32 07 00 10 83 FF 2E 00 00 77",
        "tx_24bit_START_QUIESCENT_twice": "59 32 07 00 18 83 FF FE 1D 00 B2",
        "rsp_accepted_id1": "59 33 02 01 00 30",
        "rsp_error_bus_voltage": "59 33 01 01 33",
        "rsp_error_buffer_full": "59 33 01 04 36",
        "evt_frame_sent_id1_03A0_tick1234": "59 31 07 04 D2 00 10 01 03 A0 52",
        "evt_backward_FE": "59 31 05 04 E2 00 88 FE A4",
        "evt_framing_error": "59 31 04 04 E2 00 BF 6C",
        "evt_foreign_16bit_FF05": "59 31 06 04 E2 00 90 FF 05 BB",
    ]

    /// What stands between 01 and 17: hexadecimal text.
    static let foxtron: [String: String] = [
        "doc_send_FF10_type1": "010010FF10DF",
        "doc_send_FF10_type11": "0B0010FF1000D5",
        "send_type11_A1_DAPC127": "0B0010027F0063",
        "send_type11_A1_QUERY_ACTUAL_LEVEL": "0B001003A00041",
        "send_type11_A1_QUERY_STATUS": "0B001003900051",
        "send_type11_INITIALISE_twice": "0B0010A500013E",
        "send_type11_seq_flag": "0B0010A305023A",
        "doc_rx_with_answer_type3": "0310199208FF3A",
        "doc_rx_collision_type3": "0310FF92005B",
        "doc_rx_with_answer_type13": "0D10199208FF30",
        "doc_rx_collision_type13": "0D10FF920051",
        "doc_rx_no_answer_type4": "0410199240",
        "doc_rx_no_answer_type14": "0E10199236",
        "rx_unreadable_type4": "0400FB",
        "doc_cfg_query_fw": "0602F7",
        "doc_cfg_fw_1_2": "07020102F3",
        "cfg_query_bus_power": "0603F6",
        "doc_clear_buffer": "08040000F3",
        "doc_clear_buffer_ack": "0904000000F2",
        "doc_readonly_nak": "0903000201F0",
        "doc_event_power_lost": "0501F9",
        "event_power_ok": "0500FA",
        "event_mains_on_bus": "0502F8",
        "event_bad_psu": "0503F7",
        "event_buffer_full": "0504F6",
        "event_checksum_error": "0505F5",
        "event_invalid_cmd": "0506F4",
        "doc_end_sequence": "0A00F5",
        "doc_continuous": "0C0010FF10D4",
        "doc_A1_50pct": "010010027F6D",
        "doc_group2_off": "010010850069",
        "doc_scene15_all": "010010FF1FD0",
        "ha_live_query_reply_echo_03A0_00": "0D1003A0080037",
        "ha_button_event_24bit": "0418020401DC",
        "ha_fw_4_6": "07020406EC",
    ]

    /// Text as it is on the line.
    static let sevenlab: [String: String] = [
        "version": "?",
        "query_A1_STATUS": "Q5 10 0390\r",
        "send_A1_DAPC127": "S2 10 027F\r",
        "initialise_twice": "S3 10+A500\r",
        "repeat_5x": "R2 5 10 FF02\r",
        "backward_FF": "YFF\r",
        "corrupt": "I\r",
        "echo": "{00000011>10 0000ff00}\r\n",
        "timeout": "{00000015:81 00000000}\r\n",
        "reply_C4": "{00000026:08 000000c4}\r\n",
        "bad_command": "{00000100:a3 00000000}\r\n",
        "queue_full": "{00000100:a2 00000000}\r\n",
        "bus_failure": "{00000200:91 00000000}\r\n",
        "bus_recover_600ms": "{00000458:92 0927c000}\r\n",
    ]

    static func bytes(luba name: String) -> [UInt8] {
        (luba[name] ?? "").split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }

    static func bytes(foxtron name: String) -> [UInt8] { [1] + Array((foxtron[name] ?? "").utf8) + [0x17] }

    static func bytes(sevenlab name: String) -> [UInt8] { Array((sevenlab[name] ?? "").utf8) }
}
