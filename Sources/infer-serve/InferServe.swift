import ArgumentParser
import Foundation
import InferCore

/// The command `infer-serve`.
struct InferServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: Software.name,
    abstract: "Serves hybrid Mamba-2, attention and mixture-of-experts language models on the CPU.",
    discussion: """
      \(InstructionSet.variable) in the environment names the instruction set of the kernels, where it is not to be the \
      best that the processor has: \(InstructionSet.known.dropLast().joined(separator: ", ")) or \
      \(InstructionSet.known.last ?? ""). One that the machine lacks is warned of, and the best is used.
      """,
    version: Software.version,
    subcommands: [
      Serve.self, Chat.self, Generate.self, Logits.self, Inspect.self, Quantize.self, Imatrix.self, Bench.self,
      BenchServe.self, Perplexity.self,
      Tokenize.self, Render.self, Constrain.self, Config.self, ListModels.self, Keys.self, UsageCommand.self,
      HealthCommand.self,
      Doctor.self,
    ])
}

/// The command line as a whole, which the executable runs.
///
/// Standard output carries results only; what goes wrong is one line on standard error and an exit code other than 0.
package enum Main {
  /// Runs what the process's arguments say, and ends the process where that fails.
  package static func run() async {
    MappedFile.explainFaults()
    do {
      var command = try parsed(Array(CommandLine.arguments.dropFirst()))
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      exit(with: error)
    }
    LineWriter.standardError.flush()
  }

  /// The command that the words say; those of `serve` with what the environment and a configuration add.
  private static func parsed(_ words: [String]) throws -> any ParsableCommand {
    guard words.first == "serve", !["-h", "--help", "help"].contains(where: { words.contains($0) }) else {
      return try InferServe.parseAsRoot(words)
    }
    let arguments = try ServeArguments(Array(words.dropFirst()), environment: ProcessInfo.processInfo.environment)
    return try arguments.parsed()
  }

  private static func exit(with error: any Error) -> Never {
    let error = (error as? ConfigurationError).map { CommandFailure($0.usage) } ?? error
    let code = InferServe.exitCode(for: error)
    // Help and version are answers and no errors.
    if code == .success { InferServe.exit(withError: error) }
    let message = InferServe.message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
    note("infer-serve: \(message)")
    LineWriter.standardError.flush()
    // Not exit(3): it waits for threads of libraries, which may wait for memory.
    fflush(nil)
    _exit(code.rawValue)
  }
}
