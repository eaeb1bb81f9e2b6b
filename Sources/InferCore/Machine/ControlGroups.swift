internal import Foundation
internal import InferText

/// The limits that control groups set for this process, as those of a container do (cgroups(7), versions 1 and 2).
///
/// A process is in a group of each hierarchy, and groups are folders in folders: the least limit from its own up to the
/// mount point counts. What cannot be read or understood limits nothing.
struct ControlGroups: Equatable {
  /// Processors' worth of time, as in 1.5; `nil` for no limit.
  private(set) var processorQuota: Double?
  /// Bytes of memory before the process is ended or slowed down; `nil` for no limit.
  private(set) var memoryLimit: Int?
  /// Bytes of memory that the groups may still take: the least of what their limits leave beside what they use, where
  /// copies of files that are not in use do not count; `nil` for no limit.
  private(set) var memoryLeft: Int?

  /// Limits that are known already.
  init(processorQuota: Double? = nil, memoryLimit: Int? = nil, memoryLeft: Int? = nil) {
    self.processorQuota = processorQuota
    self.memoryLimit = memoryLimit
    self.memoryLeft = memoryLeft
  }

  /// Reads the limits.
  ///
  /// - Parameter root: The folder that stands for `/`; the empty path for that itself.
  init(root: String) {
    let files = GroupFiles(root: root)
    for group in files.groups("memory") {
      for name in group.version == 2 ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"] {
        guard let limit = files.text(group.path + "/" + name).flatMap({ Int($0) }), limit > 0 else { continue }
        memoryLimit = min(memoryLimit ?? limit, limit)
        let left = max(0, limit - files.memoryUse(group))
        memoryLeft = min(memoryLeft ?? left, left)
      }
    }
    for group in files.groups("cpu") {
      let text: String?
      if group.version == 2 {
        text = files.text(group.path + "/cpu.max")
      } else {
        let (quota, period) = (
          files.text(group.path + "/cpu.cfs_quota_us"), files.text(group.path + "/cpu.cfs_period_us")
        )
        text = quota.flatMap { quota in period.map { "\(quota) \($0)" } }
      }
      guard let quota = text.flatMap(Self.quota) else { continue }
      processorQuota = min(processorQuota ?? quota, quota)
    }
  }

  /// `QUOTA PERIOD`, in microseconds. No limit is written `max`, or -1 in version 1.
  private static func quota(_ text: String) -> Double? {
    let parts = text.split(separator: " ")
    guard parts.count == 2, let quota = Int(parts[0]), let period = Int(parts[1]), quota > 0, period > 0 else {
      return nil
    }
    return Double(quota) / Double(period)
  }
}

/// Finds the folders of control groups below a root folder.
private struct GroupFiles {
  struct Group {
    var path: String
    var version: Int
  }

  private struct Mount {
    /// The group that is seen at the mount point.
    var root: String
    var point: String
    /// The controllers of a hierarchy of version 1; empty in version 2, which has all in one hierarchy.
    var controllers: [Substring]
    var version: Int { controllers.isEmpty ? 2 : 1 }
  }

  private let files: SystemFiles
  private let mounts: [Mount]
  /// The process's own groups: controllers, none in version 2, and path.
  private let own: [(controllers: [Substring], path: String)]

  init(root: String) {
    files = SystemFiles(root: root)
    let lines = files.text("/proc/self/mountinfo")?.split(separator: "\n") ?? []
    mounts = lines.compactMap(Self.mount)
    let groups = files.text("/proc/self/cgroup")?.split(separator: "\n") ?? []
    own = groups.compactMap { line in
      // hierarchy:controllers:path, where the path may hold colons.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      return parts.count == 3 ? (parts[1].split(separator: ","), String(parts[2])) : nil
    }
  }

  /// The contents of a file below the root, without white space around them.
  func text(_ path: String) -> String? { files.text(path) }

  /// The bytes that a group uses and cannot give up at once; 0 where that is not told.
  func memoryUse(_ group: Group) -> Int {
    let isUnified = group.version == 2
    let use = text(group.path + (isUnified ? "/memory.current" : "/memory.usage_in_bytes")).flatMap { Int($0) } ?? 0
    let files = text(group.path + "/memory.stat").flatMap {
      MemoryInformation.value(of: isUnified ? "inactive_file" : "total_inactive_file", in: $0)
    }
    return max(0, use - (files ?? 0))
  }

  /// The process's group of a controller, in both versions, and all groups around it.
  func groups(_ controller: Substring) -> [Group] {
    mounts.filter { $0.controllers.isEmpty || $0.controllers.contains(controller) }.flatMap { mount in
      let path = own.first {
        mount.version == 2 ? $0.controllers.isEmpty : $0.controllers.contains(controller)
      }?.path
      return Self.folders(below: mount, path ?? "/").map { Group(path: $0, version: mount.version) }
    }
  }

  /// The folder of the group `path` at a mount point and those around it, innermost first. Within a container, paths
  /// may be those of the host, which are not to be seen: then the mount point stands for the group.
  private static func folders(below mount: Mount, _ path: String) -> [String] {
    let base = mount.root.isExactly("/") ? "" : mount.root
    let isBelow = (path + "/").hasExactPrefix(base + "/") && !path.split(separator: "/").contains("..")
    var rest = isBelow ? Substring(path.utf8.dropFirst(base.utf8.count)) : ""
    var folders: [String] = []
    while let slash = rest.lastIndex(of: "/") {
      if !rest[slash...].dropFirst().isEmpty { folders.append(mount.point + rest) }
      rest = rest[..<slash]
    }
    return folders + [mount.point]
  }

  /// A line of mountinfo (proc_pid_mountinfo(5)): `id parent device root point options … - type source options`.
  private static func mount(_ line: Substring) -> Mount? {
    let fields = line.split(separator: " ")
    guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count >= dash + 4 else { return nil }
    let controllers: [Substring]
    switch fields[dash + 1] {
    case "cgroup2": controllers = []
    case "cgroup": controllers = fields[dash + 3].split(separator: ",")
    default: return nil
    }
    return Mount(root: unescaped(fields[3]), point: unescaped(fields[4]), controllers: controllers)
  }

  /// Spaces and the like are written as three octal digits behind a backslash.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let code = UInt8(String(rest.prefix(3)) ?? "", radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
