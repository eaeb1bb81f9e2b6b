/// Reads Azure's traces of LLM inference: CSV with a time, the tokens of the prompt and of the answer.
///
/// The format of the traces of 2023 (Patel et al., "Splitwise", ISCA 2024) and of 2024.
enum AzureTrace {
  private static let header = "TIMESTAMP,ContextTokens,GeneratedTokens"

  static func read(_ file: TraceFile) throws(CommandFailure) -> [RecordedRequest] {
    var requests: [RecordedRequest] = []
    for (index, line) in file.lines.enumerated() {
      let fields = line.bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      if index == 0 {
        guard line.bytes.elementsEqual(header.utf8) else {
          throw file.failure(
            line: line.number, "expected the header \"\(header)\", found \(TraceFile.quoted(line.bytes))")
        }
        continue
      }
      guard fields.count == 3 else {
        throw file.failure(line: line.number, "expected 3 fields (\(header)), found \(fields.count)")
      }
      guard let time = seconds(String(decoding: fields[0], as: UTF8.self)) else {
        throw file.failure(
          line: line.number,
          "TIMESTAMP must be a time such as 2023-11-16 18:17:03.9799600, not \(TraceFile.quoted(fields[0]))")
      }
      requests.append(
        RecordedRequest(
          time: time, inputTokens: try count("ContextTokens", fields[1], file, line.number),
          outputTokens: try count("GeneratedTokens", fields[2], file, line.number)))
    }
    guard !requests.isEmpty else { throw file.failure("expected the header \"\(header)\" and a line a request") }
    return requests
  }

  private static func count(
    _ name: String, _ field: ArraySlice<UInt8>, _ file: TraceFile, _ line: Int
  ) throws(CommandFailure) -> Int {
    guard let value = Int(String(decoding: field, as: UTF8.self)), (0...replayTokenLimit).contains(value) else {
      throw file.failure(
        line: line, "\(name) must be a number of tokens up to \(replayTokenLimit), not \(TraceFile.quoted(field))")
    }
    return value
  }

  /// Seconds since 1970 of `2023-11-16 18:17:03.9799600`, with any number of decimals, and with a zone behind them as in
  /// `+00:00` or none; `nil` for anything else.
  static func seconds(_ text: String) -> Double? {
    var rest = Substring(text)
    guard let year = number(4, from: &rest), skip("-", in: &rest), let month = number(2, from: &rest),
      skip("-", in: &rest), let day = number(2, from: &rest), skip(" ", in: &rest) || skip("T", in: &rest),
      let hour = number(2, from: &rest), skip(":", in: &rest), let minute = number(2, from: &rest),
      skip(":", in: &rest), let second = number(2, from: &rest), (1...12).contains(month), (1...31).contains(day),
      hour < 24, minute < 60, second < 61
    else { return nil }
    var fraction = 0.0
    if skip(".", in: &rest) {
      let digits = rest.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard let value = Double("0.\(Substring(digits))"), !digits.isEmpty else { return nil }
      fraction = value
      rest = rest[digits.endIndex...]
    }
    guard let zone = zone(rest) else { return nil }
    return Double(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone) + fraction
  }

  /// Seconds of a zone: of nothing, `Z` or `+05:30`.
  private static func zone(_ text: Substring) -> Int? {
    if text.isEmpty || text == "Z" { return 0 }
    var rest = text
    let isNegative = skip("-", in: &rest)
    guard isNegative || skip("+", in: &rest), let hours = number(2, from: &rest), skip(":", in: &rest),
      let minutes = number(2, from: &rest), rest.isEmpty
    else { return nil }
    return (hours * 60 + minutes) * (isNegative ? -60 : 60)
  }

  /// Takes a number of so many digits off the front.
  private static func number(_ digits: Int, from rest: inout Substring) -> Int? {
    let head = rest.utf8.prefix(digits)
    guard head.count == digits, head.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    defer { rest = rest[head.endIndex...] }
    return Int(Substring(head))
  }

  /// Takes a character off the front, if it is there.
  private static func skip(_ character: Unicode.Scalar, in rest: inout Substring) -> Bool {
    guard rest.unicodeScalars.first == character else { return false }
    rest.unicodeScalars.removeFirst()
    return true
  }

  /// Days since 1970-01-01 in the Gregorian calendar, counted in eras of 400 years that begin in March.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
