import Foundation
import InferCore

/// The costs of a chat's answers.
struct ChatTally {
  private var last: (cost: ChatCost, first: Duration?, total: Duration)?
  private var answers = 0
  private var promptTokens = 0
  private var answerTokens = 0
  private var time = Duration.zero

  /// Adds an answer.
  ///
  /// - Parameters:
  ///   - cost: Its tokens.
  ///   - first: From the question to the first part; `nil` for an answer without any.
  ///   - total: From the question to the end.
  mutating func add(_ cost: ChatCost, first: Duration?, total: Duration) {
    last = (cost, first, total)
    answers += 1
    promptTokens += cost.promptTokens ?? 0
    answerTokens += cost.answerTokens ?? 0
    time += total
  }

  /// For people.
  var lines: [String] {
    guard let last else { return ["(no answer yet)"] }
    let cost = last.cost
    var lines: [String] = []
    if let prompt = cost.promptTokens {
      let cached = cost.cachedTokens.map { ", \($0) of them known from before" } ?? ""
      lines.append("prompt   \(prompt) tokens\(cached)")
    }
    if let count = cost.answerTokens {
      var line = "answer   \(count) tokens"
      if let first = last.first, count > 1, last.total > first {
        line += String(format: ", %.1f a second", Double(count - 1) / (last.total - first).seconds)
      }
      lines.append(line)
    }
    let first = last.first.map { String(format: "first words after %.2f s, ", $0.seconds) } ?? ""
    lines.append("time     " + first + String(format: "%.2f s in all", last.total.seconds))
    lines.append(
      "chat     \(answers) answer\(answers == 1 ? "" : "s"), \(promptTokens) + \(answerTokens) tokens, "
        + String(format: "%.1f s", time.seconds))
    return lines
  }
}
