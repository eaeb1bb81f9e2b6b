import ArgumentParser
import Foundation

/// Batches of inputs for every reader in turn, until the time is up.
struct Campaign {
  /// So few that a failure is found soon after its input, and so many that starting processes costs little.
  private static let batchSize = 400

  let seconds: Double
  /// The seed of the first batch.
  let seed: UInt64
  let corpus: URL
  /// The folder for inputs of batches that fail.
  let failures: URL

  /// Returns how many batches failed.
  func run() throws -> Int {
    try FileManager.default.createDirectory(at: failures, withIntermediateDirectories: true)
    let end = Date().addingTimeInterval(seconds)
    print("fuzzing for \(seconds) s from seed \(seed)")
    var failed = 0
    var counts: [String: Int] = [:]
    var seed = seed
    while Date() < end {
      for subject in Subject.allCases where Date() < end {
        if try !passes(subject, seed: seed) { failed += 1 }
        counts[subject.rawValue, default: 0] += Self.batchSize
        seed &+= 1
      }
    }
    for (subject, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(subject): \(count) inputs") }
    return failed
  }

  private func passes(_ subject: Subject, seed: UInt64) throws -> Bool {
    let file = failures.appending(path: "\(subject.rawValue)-\(seed)")
    let child = Process()
    child.executableURL = URL(filePath: CommandLine.arguments[0])
    child.arguments = [
      "--corpus", corpus.path, "--batch", "\(subject.rawValue),\(seed),\(Self.batchSize),\(file.path)",
    ]
    try child.run()
    child.waitUntilExit()
    if child.terminationReason == .exit, child.terminationStatus == 0 {
      try FileManager.default.removeItem(at: file)
      return true
    }
    let how = child.terminationReason == .exit ? "exit status" : "signal"
    print("\(subject.rawValue), seed \(seed): \(how) \(child.terminationStatus); input kept in \(file.path)")
    print("  once more: \(CommandLine.arguments[0]) --replay \(subject.rawValue) \(file.path)")
    return false
  }
}

/// Some damaged inputs for one reader, all determined by a seed.
struct Batch: ExpressibleByArgument {
  /// No input, however damaged, may take longer; then the system ends the process.
  private static let secondsPerInput: UInt32 = 20

  let subject: Subject
  let seed: UInt64
  let count: Int
  /// Where each input is written before it is tried.
  let file: String

  /// Reads the reader, the seed, the number of inputs and the file, with commas between them.
  init?(argument: String) {
    let parts = argument.split(separator: ",", maxSplits: 3).map(String.init)
    guard parts.count == 4, let subject = Subject(rawValue: parts[0]), let seed = UInt64(parts[1]),
      let count = Int(parts[2])
    else { return nil }
    (self.subject, self.seed, self.count, file) = (subject, seed, count, parts[3])
  }

  func run(corpus: URL) throws {
    var calls = CallGenerator(seed: seed)
    var mutator = subject == .calls ? nil : try mutator(corpus: corpus)
    for _ in 0..<count {
      let input = mutator?.next() ?? calls.next()
      try Data(input).write(to: URL(filePath: file))
      alarm(Self.secondsPerInput)
      subject.read(input, at: file)
      alarm(0)
    }
  }

  private func mutator(corpus: URL) throws -> Mutator {
    let folder = corpus.appending(path: subject.rawValue)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let seeds = try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
    guard !seeds.isEmpty else { throw ValidationError("\(folder.path) is empty") }
    return Mutator(seeds: seeds, words: subject.words, seed: seed)
  }
}
