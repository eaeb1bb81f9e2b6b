import ArgumentParser
import Foundation
import InferText

/// Feeds damaged inputs to the readers of weights, tokenizers, templates, requests and answers of models, and calls all
/// that templates can call with values at the edges. Whatever an input says, a reader must give a value or throw; trapping,
/// running on and running out of memory are failures.
///
///     Fuzz --seconds 60 [--seed N] [--corpus FOLDER] [--failures FOLDER]
///     Fuzz --replay KIND FILE…
///
/// Inputs are tried in child processes, each told a seed, so that a failure ends only one of them. A child writes every
/// input to a file before it tries it; of a child that fails, the file is kept and the seed printed. Memory is limited
/// by the shell (`ulimit -v`).
@main struct Fuzz: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Feeds damaged inputs to the readers of files, requests and answers.")

  @Option(help: "The time to go on for.") var seconds = 60.0
  @Option(help: "The seed of the first batch of inputs; a random one if it is left out.") var seed: UInt64?
  @Option(help: "The folder with the inputs that are damaged.", transform: { URL(filePath: $0) })
  var corpus = URL(filePath: "Tests/Fuzz/corpus")
  @Option(help: "The folder for inputs that readers fail on.", transform: { URL(filePath: $0) })
  var failures = URL(filePath: ".build/fuzz-failures")
  @Option(help: "The reader that reads the files, undamaged.") var replay: Subject?
  @Argument(help: "The files to replay.") var files: [String] = []
  /// The work of a child process.
  @Option(help: .private) var batch: Batch?

  func validate() throws {
    if (replay == nil) != files.isEmpty { throw ValidationError("--replay and files stand together") }
  }

  func run() throws {
    if let replay {
      for file in files { replay.read(Array(try Data(contentsOf: URL(filePath: file))), at: file) }
    } else if let batch {
      try batch.run(corpus: corpus)
    } else {
      let campaign = Campaign(
        seconds: seconds, seed: seed ?? .random(in: 0..<1 << 32), corpus: corpus, failures: failures)
      if try campaign.run() > 0 { throw ExitCode.failure }
    }
  }
}
