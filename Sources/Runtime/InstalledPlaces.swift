import Glibc

/// Where an installation keeps drivers and boards; in a source tree, where the tree keeps them.
public enum InstalledPlaces {
    /// Driver folders when none is given.
    public static func drivers() -> [String] {
        existing(["/usr/lib/candela/drivers", "/etc/candela/drivers"], in: "Drivers")
    }

    /// Board folders when none is given: beside the given driver folders, then the installed ones.
    public static func boards(drivers: [String]) -> [String] {
        let beside = drivers.map { folder in
            folder.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/Boards"
        }.filter { access($0, R_OK) == 0 }
        return beside + existing(["/etc/candela/boards", "/usr/share/candela/boards"], in: "Boards")
    }

    private static func existing(_ installed: [String], in tree: String) -> [String] {
        let found = installed.filter { access($0, R_OK) == 0 }
        if !found.isEmpty { return found }
        // .build/debug/candelad stands three levels below the root of the tree.
        var folder = DriverPrograms.folderOfThisProgram()
        for _ in 0..<4 {
            if access(folder + "/" + tree, R_OK) == 0 { return [folder + "/" + tree] }
            folder = folder.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        }
        return []
    }
}
