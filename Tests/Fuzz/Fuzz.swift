import Foundation
import InferText

/// Feeds damaged inputs to the readers of weights, tokenizers, templates, requests and answers of models, and calls all
/// that templates can call with values at the edges. Whatever an input says, a reader must give a value or throw; trapping, running on and running out of memory are failures.
///
///     Fuzz --seconds 60 [--seed N] [--corpus FOLDER] [--failures FOLDER]
///     Fuzz --replay KIND FILE…
///
/// Inputs are tried in child processes, each told a seed, so that a failure ends only one of them. A child writes every
/// input to a file before it tries it; of a child that fails, the file is kept and the seed printed. Memory is limited
/// by the shell (`ulimit -v`).
@main struct Fuzz {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == "--replay", arguments.count > 2 {
      let subject = try Subject(arguments[1])
      for file in arguments[2...] { subject.read(Array(try Data(contentsOf: URL(filePath: file))), at: file) }
      return
    }
    let options = try Options(arguments)
    if let batch = options.batch { return try batch.run(corpus: options.corpus) }
    let failures = try Campaign(options: options).run()
    exit(failures == 0 ? 0 : 1)
  }
}

/// What the command line says.
struct Options {
  var seconds = 60.0
  var seed = UInt64.random(in: 0..<1 << 32)
  var corpus = URL(filePath: "Tests/Fuzz/corpus")
  var failures = URL(filePath: ".build/fuzz-failures")
  /// What a child process has to do.
  var batch: Batch?

  struct Problem: Error, CustomStringConvertible { let description: String }

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw Problem(description: "\(name) needs a value") }
      switch name {
      case "--seconds": seconds = try Self.number(value, name)
      case "--seed": seed = try Self.number(value, name)
      case "--corpus": corpus = URL(filePath: value)
      case "--failures": failures = URL(filePath: value)
      case "--batch":
        let parts = value.split(separator: ",", maxSplits: 3).map(String.init)
        guard parts.count == 4 else { throw Problem(description: "--batch \(value)") }
        batch = Batch(
          subject: try Subject(parts[0]), seed: try Self.number(parts[1], name),
          count: try Self.number(parts[2], name), file: parts[3])
      default: throw Problem(description: "there is no option \(name)")
      }
    }
  }

  private static func number<Number: LosslessStringConvertible>(_ text: String, _ name: String) throws -> Number {
    guard let value = Number(text) else { throw Problem(description: "\(name) \(text) is no number") }
    return value
  }
}
