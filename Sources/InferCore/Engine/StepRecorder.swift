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

  init(_ metrics: EngineMetrics) { self.metrics = metrics }

  /// Notes requests that were counted as waiting when they were submitted.
  func noteArrivals(_ count: Int) { waiting += count }

  /// Notes the numbers of running and waiting requests, and the memory that they hold.
  func note(_ scheduler: Scheduler<EngineSequence>) {
    metrics.requestsRunning.set(Double(scheduler.running.count))
    metrics.requestsWaiting.add(Double(scheduler.waiting.count - waiting))
    waiting = scheduler.waiting.count
    metrics.kvCacheUsage.set(Double(scheduler.pages.takenCount) / Double(max(scheduler.pages.count, 1)))
    metrics.stateCacheUsage.set(Double(scheduler.slots.takenCount) / Double(scheduler.slots.count))
  }

  func noteIdle() {
    metrics.generationTokensPerSecond.set(0)
    windowTokens = 0
    windowStart = .now
  }

  func noteStep(
    _ plan: StepPlan, chosen: Int, preemptions: Int, report: StepReport, at now: ContinuousClock.Instant
  ) {
    metrics.iterationTokens.observe(Double(plan.tokens.count))
    if preemptions > 0 { metrics.preemptions.increment(by: preemptions) }
    recordExperts(report.expertRows)
    windowTokens += chosen
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
