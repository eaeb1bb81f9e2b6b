/// `{% for %}`, and loops that call themselves.
extension JinjaEvaluator {
  func execute(_ loop: JinjaLoopStatement) throws(JinjaFailure) -> Flow {
    var recursion: Int?
    if loop.isRecursive {
      recursions.append((loop, scope))
      recursion = recursions.count - 1
    }
    return try run(loop, over: try evaluate(loop.sequence), in: scope, depth: 0, recursion: recursion)
  }

  /// `loop(items)`: what a recursive loop prints for other items.
  func recurse(_ loop: JinjaLoop, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    guard let recursion = loop.recursion else {
      throw .reason("The loop must have the 'recursive' marker to be called recursively.")
    }
    let items = try arguments.bind("loop", ["iterable"], required: 1)[0] ?? .none
    let (statement, outer) = recursions[recursion]
    let callLine = line
    defer { at(line: callLine) }
    let text = try capture { () throws(JinjaFailure) in
      _ = try inScope(outer) { () throws(JinjaFailure) in
        try run(statement, over: items, in: outer, depth: loop.depth + 1, recursion: recursion)
      }
    }
    return .string(text)
  }

  private func run(
    _ loop: JinjaLoopStatement, over sequence: JinjaValue, in outer: JinjaScope, depth: Int, recursion: Int?
  ) throws(JinjaFailure) -> Flow {
    var items = try sequence.elements()
    try spend(items.count)
    if let condition = loop.condition {
      var kept: [JinjaValue] = []
      for item in items {
        try inScope(JinjaScope(parent: outer)) { () throws(JinjaFailure) in
          try assign(item, to: loop.target)
          if try evaluate(condition).isTrue { kept.append(item) }
        }
      }
      items = kept
    }
    if items.isEmpty {
      return try inScope(JinjaScope(parent: outer)) { () throws(JinjaFailure) in try execute(loop.otherwise) }
    }
    loopRuns += 1
    let run = loopRuns
    for index in items.indices {
      let flow = try inScope(JinjaScope(parent: outer)) { () throws(JinjaFailure) in
        scope.variables["loop"] = .loop(
          JinjaLoop(items: items, index: index, run: run, depth: depth, recursion: recursion))
        try assign(items[index], to: loop.target)
        return try execute(loop.body)
      }
      if flow == .breakLoop { break }
    }
    return .normal
  }

  /// `loop.cycle` and `loop.changed`.
  func call(_ name: String, of loop: JinjaLoop, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    guard arguments.named.isEmpty else { throw .reason("\(name)() got an unexpected keyword argument") }
    let values = arguments.positional
    if name == "changed" {
      defer { lastChanged[loop.run] = values }
      guard let last = lastChanged[loop.run] else { return .bool(true) }
      return .bool(try compare(.notEqual, .list(last), .list(values)))
    }
    guard !values.isEmpty else { throw .reason("no items for cycling given") }
    return values[loop.index % values.count]
  }
}
