import InferText

/// A piece of a synthetic prompt. Pieces with the same key are the same text, as far as the shorter one goes.
struct PromptPiece: Hashable, Sendable {
  let key: UInt64
  let tokens: Int

  /// A piece that no other prompt of the workload shares.
  static func unique(_ index: Int, tokens: Int) -> PromptPiece {
    PromptPiece(key: 1 << 63 | UInt64(index), tokens: tokens)
  }

  /// A piece that all prompts with the same number share.
  static func shared(_ number: Int, tokens: Int) -> PromptPiece {
    PromptPiece(key: UInt64(number), tokens: tokens)
  }
}

/// One request of a session.
struct ReplayTurn: Sendable, Equatable {
  enum Prompt: Sendable, Equatable {
    /// Synthetic text.
    case pieces([PromptPiece])
    /// Messages that follow those of earlier turns and their answers.
    case messages([JSONValue])
  }

  /// How long the answer is to be.
  enum Length: Sendable, Equatable {
    case tokens(Int)
    /// As long as this text, times `scale`.
    case text(String, scale: Double)
  }

  var prompt: Prompt
  var output: Length
}

/// Requests of which each is sent after the answer to the one before it.
struct ReplaySession: Sendable, Equatable {
  /// When the first request is sent, in seconds after the start.
  var arrival: Double
  var turns: [ReplayTurn]
}

/// The most tokens of a prompt or an answer that a workload may ask for.
let replayTokenLimit = 10_000_000

/// A length times a factor, within 1 and the limit.
func scaledLength(_ tokens: Int, by factor: Double) -> Int {
  Int(min(max((Double(tokens) * factor).rounded(), 1), Double(replayTokenLimit)))
}

extension [ReplaySession] {
  var requestCount: Int { reduce(0) { $0 + $1.turns.count } }

  /// The sessions up to a number of requests; the last one may lose its end.
  func cut(toRequests limit: Int?) -> [ReplaySession] {
    guard var left = limit else { return self }
    var sessions: [ReplaySession] = []
    for var session in self where left > 0 {
      session.turns = [ReplayTurn](session.turns.prefix(left))
      left -= session.turns.count
      sessions.append(session)
    }
    return sessions
  }

  /// The sessions at the times of another process.
  func arriving(_ process: ArrivalProcess) -> [ReplaySession] {
    zip(self, process.times(count)).map { session, time in
      var session = session
      session.arrival = time
      return session
    }
  }
}
