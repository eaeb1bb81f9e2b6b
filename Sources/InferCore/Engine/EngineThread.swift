/// The engine's loop: look at what came in, plan a step, run it, choose tokens, pass them on.
final class EngineThread: @unchecked Sendable {
  // Safe because it is made by one thread and from then on used by the thread that calls run() alone.
  private let model: any LanguageModel
  private let endTokens: Set<Int32>
  private let inbox: EngineInbox
  private let recorder: StepRecorder
  private let store: StateStore
  private let team: ThreadTeam
  private let workspace: Workspace
  private var scheduler: Scheduler
  private var active: [Int: ActiveGeneration] = [:]
  /// When generations that paused are given up, by id.
  private var patience: [Int: ContinuousClock.Instant] = [:]
  private let readerPatience: Duration

  // Reused from step to step.
  private var news = EngineInbox.News()
  private var plan = StepPlan()
  private var sampling: BatchSampling
  private var outcomes: [Scheduler.Outcome] = []
  private var endings: [(generation: ActiveGeneration, reason: FinishReason)] = []

  init(
    model: any LanguageModel, configuration: EngineConfiguration, limits: EngineLimits, store: StateStore,
    workspace: Workspace, inbox: EngineInbox, metrics: EngineMetrics
  ) throws(ModelError) {
    self.model = model
    self.workspace = workspace
    endTokens = configuration.endTokens
    readerPatience = configuration.readerPatience
    self.inbox = inbox
    self.store = store
    plan.pages.reserveCapacity(limits.pageCount)
    recorder = StepRecorder(metrics)
    team = try ThreadTeam(count: configuration.threads)
    sampling = BatchSampling(workers: team.count)
    scheduler = Scheduler(
      maxBatchTokens: configuration.maxBatchTokens, pageTokens: limits.pageTokens, pageCount: limits.pageCount,
      slotCount: limits.slotCount, maxScoredRows: limits.maxScoredRows)
  }

  /// Works until the engine is to stop.
  func run() {
    while true {
      inbox.take(into: &news)
      accept()
      giveUpOnReaders(at: .now)
      if news.phase >= .ending {
        for id in active.keys.sorted() { end(id, .shutdown) }
      }
      announceEndings(at: .now)
      if news.phase == .stopping { break }
      if scheduler.isIdle {
        recorder.noteIdle()
        inbox.wait(until: patience.values.min())
      } else {
        step()
      }
    }
    inbox.stopped()
  }

  private func accept() {
    for submission in news.submissions {
      active[submission.id] = ActiveGeneration(submission, endTokens: endTokens)
      let request = submission.request
      scheduler.add(submission.id, prompt: request.prompt, scoresPrompt: request.promptLogprobs != nil)
    }
    recorder.noteArrivals(news.submissions.count)
    for (id, reason) in news.endings { end(id, reason) }
    for id in news.caughtUp {
      patience[id] = nil
      scheduler.unpark(id)
    }
  }

  /// Pauses a generation whose reader is behind.
  private func pause(_ id: Int, at now: ContinuousClock.Instant) {
    scheduler.park(id)
    patience[id] = now + readerPatience
  }

  /// Ends generations that have paused for too long.
  private func giveUpOnReaders(at now: ContinuousClock.Instant) {
    guard !patience.isEmpty else { return }
    for (id, deadline) in patience where deadline <= now { end(id, .unread) }
  }

  /// Ends a request between steps, unless it has ended.
  private func end(_ id: Int, _ reason: FinishReason) {
    if scheduler.cancel(id) { note(id, reason) }
  }

  private func note(_ id: Int, _ reason: FinishReason) {
    patience[id] = nil
    if let generation = active.removeValue(forKey: id) { endings.append((generation, reason)) }
  }

  /// Tells of what has ended, once its memory is free and the metrics are true: whoever hears of it may look, or
  /// submit the next request, at once.
  private func announceEndings(at now: ContinuousClock.Instant) {
    recorder.note(scheduler)
    guard !endings.isEmpty else { return }
    inbox.free(endings.count)
    for (generation, reason) in endings { generation.finish(reason, at: now, recorder.metrics) }
    endings.removeAll(keepingCapacity: true)
    inbox.announceIdleness()
  }

  private func step() {
    scheduler.plan(into: &plan)
    precondition(!plan.runs.isEmpty, "\(scheduler.running.count) sequences run and none advances")
    let start = ContinuousClock.now
    for id in scheduler.preempted { active[id]?.notePreemption() }
    for run in plan.runs { active[run.sequence]?.begin(at: start) }
    recorder.note(scheduler)
    compute()
    let now = ContinuousClock.now
    recorder.noteStep(
      plan, chosen: sampling.chosenCount, preemptions: scheduler.preempted.count, report: workspace.report, at: now)
    deliver(at: now)
  }

  /// Runs the model, and chooses a token from each row of logits, or scores one.
  private func compute() {
    sampling.removeAll()
    for run in plan.runs where !run.logits.isEmpty {
      guard let generation = active[run.sequence] else { continue }
      for row in run.logits {
        sampling.append(generation.use(ofLogitsAfter: run.position + row - run.tokens.lowerBound))
      }
    }
    run(Step(plan: plan, store: store, team: team, workspace: workspace))
  }

  // A step that is a local variable is put on the heap, one that is an argument is not.
  private func run(_ step: borrowing Step) {
    var logits = step.take(rows: plan.logitRowCount, columns: model.vocabularySize)
    model.forward(step, logits: &logits)
    sampling.run(&logits, team)
  }

  private func deliver(at now: ContinuousClock.Instant) {
    outcomes.removeAll(keepingCapacity: true)
    var row = 0
    for run in plan.runs {
      guard !run.logits.isEmpty, let generation = active[run.sequence] else {
        outcomes.append(.pending)
        continue
      }
      let results = sampling.results[row..<row + run.logits.count]
      row += run.logits.count
      switch generation.receive(results, at: now, recorder.metrics) {
      case .reading: outcomes.append(.pending)
      case .token(let token): outcomes.append(.token(token))
      case .ended(let reason):
        outcomes.append(.ended)
        note(run.sequence, reason)
      }
    }
    scheduler.commit(plan, outcomes)
    for run in plan.runs where active[run.sequence]?.submission.channel.isFull() == true {
      pause(run.sequence, at: now)
    }
    announceEndings(at: now)
  }
}
