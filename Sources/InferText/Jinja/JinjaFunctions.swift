import Foundation
import OrderedCollections

/// The functions that every template can call.
extension JinjaEvaluator {
  func call(_ function: JinjaFunction, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    switch function {
    case .range: return try range(arguments)
    case .dict: return .dictionary(try dictionary(arguments))
    case .namespace:
      namespaces.append([:])
      for (key, value) in try dictionary(arguments) {
        guard let name = key.asString else { throw .reason("attribute names must be strings") }
        try spend(on: value)
        try setAttribute(name, of: namespaces.count - 1, to: value)
      }
      return .namespace(namespaces.count - 1)
    case .raiseException:
      let message = try arguments.bind(function.rawValue, ["message"], required: 1)[0] ?? .none
      throw .raised(try text(of: message))
    case .strftimeNow:
      guard let format = try arguments.bind(function.rawValue, ["format"], required: 1)[0]?.asString else {
        throw .reason("strftime_now() expects a format string")
      }
      // No directive prints more than some names of months.
      try spend(bytes: format.utf8.count, times: 32)
      return .string(
        JinjaString(DateFormat(now, in: timeZone).format(format), isFromOutside: arguments.areFromOutside))
    }
  }

  /// Jinja's sandbox allows ranges of 100,000 numbers.
  private func range(_ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    var numbers: [Int] = []
    for value in try arguments.bind("range", ["start", "stop", "step"], required: 1) {
      guard let value else { break }
      guard value.isInteger else {
        throw .reason("'\(value.typeName)' object cannot be interpreted as an integer")
      }
      numbers.append(try JinjaValue.integer(value, of: "range", default: 0))
    }
    let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw .reason("range() arg 3 must not be zero") }
    let count = ((Double(stop) - Double(start)) / Double(step)).rounded(.up)
    guard count <= 100_000 else { throw .reason("range of \(Int(min(count, 1e15))) numbers, more than 100000") }
    try spend(Int(max(0, count)))
    return .view(.range(start, stop, step), stride(from: start, to: stop, by: step).map(JinjaValue.integer))
  }

  /// `dict(mapping or pairs, **names)`.
  private func dictionary(_ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaDictionary {
    guard arguments.positional.count <= 1 else { throw .reason("dict expected at most 1 argument") }
    var members: JinjaDictionary = [:]
    if let value = arguments.positional.first {
      try spend(on: value)
      if case .dictionary(let dictionary) = value {
        members = dictionary
      } else {
        for item in try value.elements() {
          let pair = try item.elements()
          guard pair.count == 2, pair[0].isHashable else { throw .reason("dict expected pairs of keys and values") }
          members[pair[0]] = pair[1]
        }
      }
    }
    for (name, value) in arguments.named {
      members[.string(JinjaString(name, isFromOutside: arguments.namesAreFromOutside))] = value
    }
    return members
  }
}
