import InferText

/// Reads Mooncake's traces: a JSON object a line, with the numbers of the prompt's blocks of 512 tokens (Qin et al.,
/// "Mooncake", FAST 2025). Prompts that begin with the same numbers begin with the same text.
enum MooncakeTrace {
  /// Tokens of a block.
  static let blockTokens = 512

  static func read(_ file: TraceFile) throws(CommandFailure) -> [RecordedRequest] {
    var requests: [RecordedRequest] = []
    for (number, bytes) in file.lines {
      let line: JSONValue
      do { line = try JSONValue(parsing: Array(bytes)) } catch {
        throw file.failure(line: number, "column \(error.column): \(error.reason)")
      }
      guard line.object != nil else {
        throw file.failure(
          line: number,
          "expected an object with timestamp, input_length, output_length and hash_ids, found \(line.kind)")
      }
      guard let time = line["timestamp"]?.double, time.isFinite, abs(time) < 1e15 else {
        throw file.failure(line: number, "timestamp must be a number of milliseconds, not \(shown(line["timestamp"]))")
      }
      requests.append(
        RecordedRequest(
          time: time / 1000, inputTokens: try count("input_length", line, file, number),
          outputTokens: try count("output_length", line, file, number), blocks: try blocks(line, file, number)))
    }
    guard !requests.isEmpty else { throw file.failure("expected an object a line, found no lines") }
    return requests
  }

  private static func count(
    _ name: String, _ line: JSONValue, _ file: TraceFile, _ number: Int
  ) throws(CommandFailure) -> Int {
    guard let value = line[name]?.int, (0...replayTokenLimit).contains(value) else {
      throw file.failure(
        line: number, "\(name) must be a number of tokens up to \(replayTokenLimit), not \(shown(line[name]))")
    }
    return value
  }

  private static func blocks(_ line: JSONValue, _ file: TraceFile, _ number: Int) throws(CommandFailure) -> [Int] {
    guard let elements = line["hash_ids"]?.array else {
      throw file.failure(line: number, "hash_ids must be an array of numbers, not \(shown(line["hash_ids"]))")
    }
    var blocks: [Int] = []
    for element in elements {
      guard let id = element.int, id >= 0 else {
        throw file.failure(line: number, "hash_ids must hold numbers from 0 on, not \(shown(element))")
      }
      blocks.append(id)
    }
    return blocks
  }

  private static func shown(_ value: JSONValue?) -> String {
    guard let value else { return "absent" }
    let text = value.serialized()
    return text.utf8.count > 60 ? value.kind : text
  }
}
