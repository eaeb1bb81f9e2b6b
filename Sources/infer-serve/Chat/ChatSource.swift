import Foundation
import InferCore

/// Where the entries of a chat come from.
final class ChatSource: Sendable {
  /// The outcome of waiting for an entry.
  enum Entry: Sendable {
    case text(String)
    /// Ctrl-C at an empty prompt.
    case interrupted
    case end
  }

  private enum Kind {
    case terminal(TerminalPrompt)
    case pipe(InputLines, number: Int)
  }

  private let kind: Monitor<Kind>

  /// A person at a terminal.
  init(_ prompt: sending TerminalPrompt) { kind = Monitor(.terminal(prompt)) }

  /// The lines of standard input.
  init() { kind = Monitor(.pipe(InputLines(), number: 0)) }

  /// Waits for the next entry, on a thread of its own: others may need those that tasks share.
  func next() async throws -> Entry {
    let result: Result<Entry, any Error> = await withCheckedContinuation { continuation in
      let thread = Thread { [self] in continuation.resume(returning: Result { try read() }) }
      thread.name = "infer-input"
      thread.start()
    }
    return try result.get()
  }

  private func read() throws -> Entry {
    try kind.withLock { kind in
      switch kind {
      case .terminal(var prompt):
        defer { kind = .terminal(prompt) }
        switch try prompt.next() {
        case .entered(let text): return .text(text)
        case .interrupted: return .interrupted
        case .ended: return .end
        }
      case .pipe(var lines, var number):
        defer { kind = .pipe(lines, number: number) }
        return try Self.entry(&lines, &number)
      }
    }
  }

  /// A line, or several that belong together.
  private static func entry(_ lines: inout InputLines, _ number: inout Int) throws(CommandFailure) -> Entry {
    var entry: String?
    while let bytes = try lines.next() {
      number += 1
      guard let line = String(validating: bytes, as: UTF8.self) else {
        throw CommandFailure("line \(number) of standard input is no UTF-8")
      }
      let text = (entry.map { $0 + "\n" } ?? "") + (line.hasSuffix("\r") ? String(line.dropLast()) : line)
      if ChatInput.isComplete(text) { return .text(text) }
      entry = text
    }
    return entry.map(Entry.text) ?? .end
  }
}
