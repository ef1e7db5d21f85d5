/// Speeds that a serial line can be set to.
public enum SerialRates {
    /// The rates termios has, in bit/s. libmodbus takes any other number for 9600 without a word, so drivers refuse it.
    public static let all = [
        300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000,
        921_600,
    ]
}
