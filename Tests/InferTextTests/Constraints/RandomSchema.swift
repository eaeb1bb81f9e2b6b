import TestSupport

/// Texts of schemas of objects with few names and values, so that what branches say of them contradicts often.
struct RandomSchema {
  var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private mutating func isChosen(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

  private mutating func names() -> [String] {
    var names: [String] = []
    for name in ["a", "b", "c", "d"] where isChosen(oneIn: 2) { names.append(name) }
    return names
  }

  private mutating func value(depth: Int) -> String {
    let scalars = [
      #"{"const":1}"#, #"{"const":2}"#, #"{"enum":[1,"x"]}"#, #"{"type":"integer"}"#, #"{"type":"string"}"#, "true",
      #"{"type":"boolean"}"#, #"{"const":"x"}"#, "false", #"{"not":{"const":1}}"#,
    ]
    return depth > 0 && isChosen(oneIn: 6) ? object(depth: depth - 1) : scalars.randomElement(using: &random) ?? "true"
  }

  /// Members, and which of them must be there.
  private mutating func branch(depth: Int) -> String {
    var parts: [String] = []
    let members = names().map { name in #""\#(name)":\#(value(depth: depth))"# }
    if !members.isEmpty { parts.append(#""properties":{\#(members.joined(separator: ","))}"#) }
    let required = names().filter { _ in isChosen(oneIn: 2) }.map { #""\#($0)""# }
    if !required.isEmpty { parts.append(#""required":[\#(required.joined(separator: ","))]"#) }
    if isChosen(oneIn: 8) { parts.append(#""maxProperties":2"#) }
    if isChosen(oneIn: 8) { parts.append(#""minProperties":2"#) }
    if isChosen(oneIn: 8) { parts.append(#""patternProperties":{"^[a-b]":\#(value(depth: 0))}"#) }
    return parts.joined(separator: ",")
  }

  mutating func object(depth: Int) -> String {
    var parts = [#""type":"object""#]
    let own = branch(depth: depth)
    if !own.isEmpty { parts.append(own) }
    for keyword in ["oneOf", "anyOf"] where !isChosen(oneIn: 3) {
      let branches = (0..<Int.random(in: 2...3, using: &random)).map { _ in "{\(branch(depth: depth))}" }
      parts.append(#""\#(keyword)":[\#(branches.joined(separator: ","))]"#)
    }
    if !isChosen(oneIn: 3) {
      for keyword in ["if", "then", "else"] { parts.append(#""\#(keyword)":{\#(branch(depth: depth))}"#) }
    }
    if !isChosen(oneIn: 4) { parts.append(#""unevaluatedProperties":false"#) }
    return "{\(parts.joined(separator: ","))}"
  }
}
