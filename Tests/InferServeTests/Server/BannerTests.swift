import Logging
import Testing

@testable import InferCore
@testable import infer_serve

@Suite struct BannerTests {
  private func limits(quota: Double? = nil, memory: Int? = nil, allowed: Int = 16) -> MachineLimits {
    MachineLimits(
      ControlGroups(processorQuota: quota, memoryLimit: memory), processors: 16, allowed: allowed,
      memoryBytes: 64 << 30)
  }

  @Test func limitsOfContainersAreShown() {
    #expect(Banner.threads(16, limits()) == "16")
    #expect(Banner.threads(2, limits(quota: 2)) == "2 (cgroup limit 2 of 16 processors)")
    #expect(Banner.threads(1, limits(quota: 1.5)) == "1 (cgroup limit 1.5 of 16 processors)")
    #expect(Banner.threads(4, limits(allowed: 4)) == "4 (may run on 4 of 16 processors)")
    #expect(
      Banner.threads(8, limits(quota: 2.5)) == "8 (cgroup limit 2.5 of 16 processors; 6 more than can run at a time)")
    #expect(Banner.threads(8, limits(), cores: 8) == "8 (one for each core)")
    #expect(Banner.threads(4, limits(quota: 4), cores: 8) == "4 (cgroup limit 4 of 16 processors)")
    #expect(Banner.memoryLimit(limits()) == "")
    #expect(Banner.memoryLimit(limits(memory: 2 << 30)).hasPrefix("; cgroup limit 2"))
    let metadata = Banner.metadata(threads: 2, limits(quota: 2.5, memory: 4096))
    #expect(metadata["processor_quota"] == "2.5" && metadata["memory_limit_bytes"] == "4096")
    #expect(metadata["threads"] == "2" && metadata["processors"] == "16")
  }
}
