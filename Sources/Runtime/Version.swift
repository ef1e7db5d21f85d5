/// The version of this build, as `candela --version` and `/state` say it.
public enum CandelaVersion {
    public static let current = "0.1.0"
}
