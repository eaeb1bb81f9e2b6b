import Foundation
import TestSupport
import Testing

@testable import InferCore

/// Limits of containers, read from folders that look like `/`.
@Suite struct ControlGroupsTests {
  private static let gibibyte = 1 << 30

  /// What is read from a root with these files.
  private func limits(_ files: [String: String]) throws -> (quota: Double?, memory: Int?) {
    let root = try TemporaryFolder()
    for (path, text) in files {
      let file = root.url.appending(path: path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    let groups = ControlGroups(root: root.url.path)
    return (groups.processorQuota, groups.memoryLimit)
  }

  private static let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
  private static let separate = """
    25 18 0:22 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,name=systemd
    26 18 0:23 /docker/ab /sys/fs/cgroup/memory ro master:3 - cgroup memory rw,memory
    27 18 0:24 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro - cgroup cpu rw,cpu,cpuacct

    """

  /// A container in a namespace of its own sees its group at the mount point.
  @Test func aContainerOfVersion2HasItsLimitsAtTheTop() throws {
    let found = try limits([
      "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": Self.unified,
      "sys/fs/cgroup/cpu.max": "150000 100000\n", "sys/fs/cgroup/memory.max": "\(Self.gibibyte)\n",
      "sys/fs/cgroup/memory.high": "max\n",
    ])
    #expect(found == (1.5, Self.gibibyte))
  }

  @Test func theLeastLimitAlongThePathCounts() throws {
    let group = "sys/fs/cgroup/kubepods.slice/pod 1/app"
    let files = [
      "proc/self/cgroup": "0::/kubepods.slice/pod 1/app\n", "proc/self/mountinfo": Self.unified,
      "\(group)/cpu.max": "max 100000\n", "\(group)/memory.max": "max\n", "\(group)/memory.high": "700\n",
      "sys/fs/cgroup/kubepods.slice/pod 1/cpu.max": "400000 200000\n",
      "sys/fs/cgroup/kubepods.slice/pod 1/memory.max": "800\n",
      "sys/fs/cgroup/kubepods.slice/cpu.max": "300000 100000\n",
      "sys/fs/cgroup/kubepods.slice/memory.max": "600\n",
      // Beside the path, and of somebody else.
      "sys/fs/cgroup/kubepods.slice/pod 2/memory.max": "5\n",
    ]
    #expect(try limits(files) == (2, 600))
  }

  @Test func version1HasOneHierarchyForEachController() throws {
    let files = [
      "proc/self/cgroup": "7:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab/inner\n1:name=systemd:/docker/ab\n",
      "proc/self/mountinfo": Self.separate,
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      "sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us": "-1\n",
      "sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us": "100000\n",
    ]
    #expect(try limits(files) == (2.5, 536_870_912))
  }

  /// All memory that groups use counts, but for cached files that are not in use.
  @Test(arguments: [1, 2]) func whatIsLeftIsTheLeastAlongThePath(version: Int) throws {
    let root = try TemporaryFolder()
    let (limit, use, prefix) =
      version == 2 ? ("memory.max", "memory.current", "") : ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
    let top = version == 2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory"
    let files = [
      "proc/self/cgroup": version == 2 ? "0::/a/b\n" : "7:memory:/docker/ab/a/b\n",
      "proc/self/mountinfo": version == 2 ? Self.unified : Self.separate,
      "\(top)/a/\(limit)": "1000\n", "\(top)/a/\(use)": "900\n",
      "\(top)/a/memory.stat": "anon 5\n\(prefix)inactive_file 300\n\(prefix)active_file 100\n",
      "\(top)/a/b/\(limit)": "500\n", "\(top)/a/b/\(use)": "70\n", "\(top)/a/b/memory.stat": "anon 70\n",
    ]
    for (path, text) in files {
      let file = root.url.appending(path: path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    let groups = ControlGroups(root: root.url.path)
    #expect(groups.memoryLimit == 500 && groups.memoryLeft == 400)
  }

  @Test func availableMemoryIsRead() throws {
    let root = try TemporaryFolder()
    try FileManager.default.createDirectory(at: root.url.appending(path: "proc"), withIntermediateDirectories: true)
    for (text, expected) in [
      ("MemTotal: 9 kB\nMemAvailable:   1234 kB\n", 1234 * 1024), ("MemTotal: 9 kB\n", nil), ("MemAvailable: x", nil),
      ("MemAvailable: 9223372036854775807 kB", nil), ("MemAvailable: -4 kB", nil),
    ] as [(String, Int?)] {
      try Data(text.utf8).write(to: root.url.appending(path: "proc/meminfo"))
      #expect(MemoryInformation(root: root.url.path).availableBytes == expected)
    }
    #expect(MachineLimits.read().availableMemory > 0)
  }

  /// Controllers of version 1 beside an empty hierarchy of version 2.
  @Test func bothVersionsAreRead() throws {
    let found = try limits([
      "proc/self/cgroup": "7:memory:/docker/ab\n0::/system.slice/x.service\n",
      "proc/self/mountinfo": Self.separate + Self.unified.replacing("/sys/fs/cgroup ", with: "/sys/fs/cgroup/unified "),
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
      "sys/fs/cgroup/unified/system.slice/cpu.max": "50000 100000\n",
    ])
    #expect(found == (0.5, 1000))
  }

  /// The path is one of the host's that is not to be seen, or leads out of the namespace.
  @Test(arguments: ["0::/host/only/path\n", "0::/../../outside\n", ""]) func theMountPointStandsForAGroupOutOfSight(
    own: String
  ) throws {
    let found = try limits([
      "proc/self/cgroup": own,
      "proc/self/mountinfo": "30 23 0:26 /pod/ab /mnt/a\\040b rw - cgroup2 cgroup2 rw\n",
      "mnt/a b/memory.max": "4096\n", "outside/memory.max": "1\n", "mnt/outside/memory.max": "1\n",
    ])
    #expect(found == (nil, 4096))
  }

  @Test(arguments: [
    ("max 100000", "max"), ("", ""), ("100000", "12 KiB"), ("0 100000", "0"), ("100000 0", "-5"), ("-1 100000", "1e9"),
    ("x y", "99999999999999999999999"), ("9223372036854775808 1", "\u{0}"),
  ]) func whatCannotBeUnderstoodLimitsNothing(cpu: String, memory: String) throws {
    let found = try limits([
      "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": Self.unified,
      "sys/fs/cgroup/cpu.max": cpu, "sys/fs/cgroup/memory.max": memory,
    ])
    #expect(found == (nil, nil))
  }

  @Test(arguments: [
    "", "\n\n", "30 23 0:26", "- - - - - - - -", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2", "\u{0}\u{fffd}",
    String(repeating: "a ", count: 5000),
  ]) func brokenTablesAreIgnored(table: String) throws {
    #expect(try limits(["proc/self/mountinfo": table, "proc/self/cgroup": table]) == (nil, nil))
    #expect(try limits(["proc/self/mountinfo": Self.unified, "proc/self/cgroup": table]) == (nil, nil))
  }

  @Test func nothingIsReadWithoutFiles() throws { #expect(try limits([:]) == (nil, nil)) }

  @Test(
    arguments: [
      (nil, 16, 16), (1.5, 16, 1), (0.2, 16, 1), (2.0, 16, 2), (2.99, 16, 2), (64.0, 16, 16), (3.0, 2, 2),
      (.infinity, 4, 4), (1e300, 4, 4),
    ] as [(Double?, Int, Int)]) func quotasAreRoundedDown(quota: Double?, allowed: Int, threads: Int)
  {
    let limits = MachineLimits(
      ControlGroups(processorQuota: quota), processors: 16, allowed: allowed, memoryBytes: Self.gibibyte)
    #expect(limits.threads == threads)
  }

  /// Version 1 says "no limit" with a number larger than any machine's memory.
  @Test func moreMemoryThanThereIsIsNoLimit() {
    func limits(_ bytes: Int?) -> MachineLimits {
      MachineLimits(ControlGroups(memoryLimit: bytes), processors: 1, allowed: 1, memoryBytes: Self.gibibyte)
    }
    #expect(limits(9_223_372_036_854_771_712).memoryLimit == nil && limits(nil).usableMemory == Self.gibibyte)
    #expect(limits(4096).memoryLimit == 4096 && limits(4096).usableMemory == 4096)
  }

  @Test func thisMachineHasLimits() {
    let limits = MachineLimits.current
    #expect((1...limits.processors).contains(limits.threads) && limits.usableMemory > 1 << 20)
    #expect(availableProcessorCount() == limits.threads)
  }
}
