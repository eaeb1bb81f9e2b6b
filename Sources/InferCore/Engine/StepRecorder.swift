internal import InferMetrics

/// Records the steps of the engine's thread, and who runs and waits, in the metrics.
final class StepRecorder {
  let metrics: EngineMetrics
  /// The part of the gauge of waiting requests that this thread knows of; the rest was submitted since.
  private var waiting = 0
  /// Counters of experts, by layer and expert, because looking them up takes a lock.
  private var experts: [[Counter]] = []
  private var windowStart = ContinuousClock.now
  private var windowTokens = 0

  /// The counts of the prefix cache that the metrics have.
  private var cacheCounts = PrefixCacheCounts()
  /// The number of entries of the prefix cache, their bytes, and those of one, for pages and for states.
  private typealias Entries = (count: Gauge, bytes: Gauge, memory: Gauge, size: Int)
  private let pages: Entries
  private let states: Entries
  private let coldStates: Entries

  init(_ metrics: EngineMetrics, _ budget: MemoryBudget, coldSlotBytes: Int) {
    func entries(_ kind: String, _ size: Int) -> Entries {
      (metrics.prefixCacheEntries(kind), metrics.prefixCacheBytes(kind), metrics.stateMemoryBytes(kind), size)
    }
    self.metrics = metrics
    pages = entries("kv", budget.pageBytes)
    states = entries("state", budget.slotBytes)
    coldStates = entries("cold_state", coldSlotBytes)
    metrics.stateMemoryLimit.set(Double(budget.bytes))
  }

  /// Notes requests that were counted as waiting when they were submitted.
  func noteArrivals(_ count: Int) { waiting += count }

  /// Notes the numbers of running and waiting requests, and the memory that they hold.
  func note(_ scheduler: Scheduler<EngineSequence>) {
    metrics.requestsRunning.set(Double(scheduler.running.count))
    metrics.requestsWaiting.add(Double(scheduler.waiting.count - waiting))
    waiting = scheduler.waiting.count
    let (pages, slots) = (scheduler.memory.pages, scheduler.memory.slots)
    metrics.kvCacheUsage.set(Double(pages.takenCount - pages.idleCount) / Double(max(pages.count, 1)))
    metrics.stateCacheUsage.set(Double(slots.takenCount - slots.idleCount) / Double(slots.count))
    noteCache(scheduler.memory)
  }

  private func set(_ entries: Entries, _ count: Int) {
    entries.count.set(Double(count))
    entries.bytes.set(Double(count * entries.size))
  }

  private func noteCache(_ memory: SequenceMemory) {
    set(pages, memory.tree.count)
    set(states, memory.states.count - memory.coldSlots.takenCount)
    set(coldStates, memory.coldSlots.takenCount)
    pages.memory.set(Double(memory.pages.backedCount * pages.size))
    states.memory.set(Double(memory.slots.backedCount * states.size))
    coldStates.memory.set(Double(memory.coldSlots.backedCount * coldStates.size))
    let counts = memory.counts
    guard counts != cacheCounts else { return }
    metrics.prefixCacheQueries.increment(by: counts.queriedTokens - cacheCounts.queriedTokens)
    metrics.prefixCacheHits.increment(by: counts.hitTokens - cacheCounts.hitTokens)
    for reason in PrefixCacheCounts.Miss.allCases {
      metrics.prefixCacheMisses(reason.rawValue).increment(
        by: counts.misses[reason, default: 0] - cacheCounts.misses[reason, default: 0])
    }
    metrics.prefixCacheEvictions("kv").increment(by: counts.evictedPages - cacheCounts.evictedPages)
    metrics.prefixCacheEvictions("state").increment(by: counts.evictedStates - cacheCounts.evictedStates)
    metrics.prefixCacheCooledStates.increment(by: counts.cooledStates - cacheCounts.cooledStates)
    metrics.prefixCacheColdHits.increment(by: counts.coldHits - cacheCounts.coldHits)
    cacheCounts = counts
  }

  func noteIdle() {
    metrics.generationTokensPerSecond.set(0)
    windowTokens = 0
    windowStart = .now
  }

  func noteStep(
    _ plan: StepPlan, promptRows: Int, generated: Int, preemptions: Int, report: StepReport,
    at now: ContinuousClock.Instant
  ) {
    metrics.prefillRows.increment(by: promptRows)
    metrics.iterationTokens.observe(Double(plan.tokens.count))
    if preemptions > 0 { metrics.preemptions.increment(by: preemptions) }
    recordExperts(report.expertRows)
    windowTokens += generated
    let elapsed = now - windowStart
    guard elapsed >= .seconds(1) else { return }
    metrics.generationTokensPerSecond.set(Double(windowTokens) / elapsed.seconds)
    windowTokens = 0
    windowStart = now
  }

  private func recordExperts(_ rows: [[Int]]) {
    for (layer, counts) in rows.enumerated() {
      if experts.count == layer { experts.append([]) }
      for (expert, count) in counts.enumerated() {
        if experts[layer].count == expert { experts[layer].append(metrics.expertRows(String(layer), String(expert))) }
        if count > 0 { experts[layer][expert].increment(by: count) }
      }
    }
  }
}
