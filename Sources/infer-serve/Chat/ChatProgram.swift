import InferCore
import InferText

/// A chat from its first entry to its last.
struct ChatProgram {
  private var backend: any ChatBackend
  private let screen: ChatScreen
  private let interrupts: Interrupts
  private var conversation: Dialogue
  private var settings: ChatSettings
  private var tally = ChatTally()
  /// The last message, also one that was taken back.
  private var lastQuestion: String?
  /// Files that hold this conversation as it was.
  private var ownFiles: Set<ExactText> = []
  /// Entries that could not be answered or obeyed.
  private(set) var failures = 0

  init(
    _ backend: any ChatBackend, _ screen: ChatScreen, _ interrupts: Interrupts, system: String?, settings: ChatSettings
  ) {
    self.backend = backend
    self.screen = screen
    self.interrupts = interrupts
    self.settings = settings
    conversation = Dialogue()
    conversation.system = system
  }

  /// Takes entries until the last, or until somebody leaves.
  mutating func run(_ source: ChatSource) async throws {
    while true {
      switch try await source.next() {
      case .end: return
      case .interrupted: try screen.tell("(ctrl-D or /exit leaves)")
      case .text(let text):
        do {
          switch try ChatInput(text) {
          case .nothing: break
          case .message(let question): try await ask(question)
          case .command(.exit): return
          case .command(let command): try await obey(command)
          }
        } catch let failure as CommandFailure {
          if screen.isBroken { throw failure }
          failures += 1
          try screen.complain(failure.errorDescription ?? "")
        } catch is CancellationError {
          try screen.tell("(stopped)")
        }
      }
    }
  }

  private mutating func obey(_ command: ChatCommand) async throws {
    switch command {
    case .help: try screen.tell(String(ChatCommand.helpText.dropLast()))
    case .clear:
      conversation.exchanges = []
      try screen.tell("(the conversation is forgotten)")
    case .system(nil): try screen.tell(conversation.system ?? "(no system message)")
    case .system(let text?):
      conversation.system = text.isEmpty ? nil : text
      try screen.tell(text.isEmpty ? "(no system message)" : "(the system message is set)")
    case .settings: try screen.tell(settings.lines.joined(separator: "\n"))
    case .set(let name, let value):
      try settings.set(name, value)
      try screen.tell("(\(name) \(value))")
    case .think(nil): try screen.tell("(think \(settings.thinking?.word ?? "default"))")
    case .think(let word?):
      try settings.think(word)
      try screen.tell("(think \(word))")
    case .save(let path, let isReplacing):
      try DialogueFile.save(conversation, to: path, replacing: isReplacing || ownFiles.contains(ExactText(path)))
      ownFiles.insert(ExactText(path))
      try screen.tell("(written to \(path))")
    case .load(let path):
      conversation = try DialogueFile.load(path)
      ownFiles = [ExactText(path)]
      lastQuestion = conversation.exchanges.last?.question
      let count = conversation.exchanges.count
      try screen.tell("(\(count) message\(count == 1 ? "" : "s") with answers)")
    case .retry:
      guard let question = lastQuestion else { throw CommandFailure("nothing was asked yet") }
      if conversation.exchanges.last?.question == question { conversation.exchanges.removeLast() }
      try await ask(question)
    case .undo:
      guard let exchange = conversation.exchanges.popLast() else {
        throw CommandFailure("there is nothing to take back")
      }
      try screen.tell("(taken back: \(Self.shortened(exchange.question)))")
    case .stats: try screen.tell(tally.lines.joined(separator: "\n"))
    case .model(let name): try await model(name)
    case .exit: break
    }
  }

  private mutating func model(_ name: String?) async throws {
    let backend = backend
    guard let name else {
      let names = try await interrupts.run { try await backend.modelNames() }
      return try screen.tell(names.map { ($0 == backend.modelName ? "* " : "  ") + $0 }.joined(separator: "\n"))
    }
    self.backend = try await interrupts.run {
      var changed = backend
      try await changed.use(name)
      return changed
    }
    try screen.tell("(\(name) answers from now on)")
  }

  /// Has a message answered. Where the answer is stopped, what there is of it stays.
  private mutating func ask(_ question: String) async throws {
    lastQuestion = question
    let (backend, conversation, settings, screen) = (backend, conversation, settings, screen)
    let progress = Monitor(ChatProgress(question))
    do {
      let cost = try await interrupts.run {
        try await backend.answer(question, after: conversation, settings) { part in
          progress.withLock { $0.take(part) }
          try screen.take(part)
        }
      }
      try screen.end()
      let end = progress.withLock { $0 }
      self.conversation.exchanges.append(end.exchange)
      tally.add(cost, first: end.firstPart, total: end.elapsed)
      if cost.isCutOff { try screen.tell("(cut off at its greatest length)") }
    } catch {
      try screen.end()
      guard error is CancellationError else { throw error }
      let exchange = progress.withLock { $0.exchange }
      guard !exchange.answer.isEmpty else { return try screen.tell("(stopped before an answer: /retry asks again)") }
      self.conversation.exchanges.append(exchange)
      try screen.tell("(stopped: what was answered stays, /undo takes it back)")
    }
  }

  private static func shortened(_ text: String) -> String {
    let line = TerminalText.line(text)
    return line.count > 60 ? "\(line.prefix(60))…" : line
  }
}

/// An answer under way.
private struct ChatProgress {
  private(set) var exchange: Exchange
  /// From the question to the first part.
  private(set) var firstPart: Duration?
  private let start = ContinuousClock.now

  init(_ question: String) { exchange = Exchange(question: question, answer: "") }

  var elapsed: Duration { ContinuousClock.now - start }

  mutating func take(_ part: ChatPart) {
    firstPart = firstPart ?? elapsed
    switch part {
    case .reasoning(let text): if exchange.reasoning?.append(text) == nil { exchange.reasoning = text }
    case .content(let text): exchange.answer += text
    }
  }
}
