import ArgumentParser
import Foundation

/// `infer-serve config`: what a server would run with.
struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks a server's configuration, and tells what it amounts to.", subcommands: [Check.self, Print.self])

  /// The words of a command line of `serve`.
  struct Words: ParsableArguments {
    @Argument(
      parsing: .captureForPassthrough,
      help: ArgumentHelp("A configuration file, or options of serve.", valueName: "file or options"))
    var words: [String] = []

    /// The arguments that `serve` would get of them.
    func arguments() throws -> ServeArguments {
      let options = words.first.map { $0.hasPrefix("-") } ?? true ? words : ["--config"] + words
      return try ServeArguments(options, environment: ProcessInfo.processInfo.environment)
    }
  }

  /// `infer-serve config check`
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Tells whether serve would take the configuration.")
    @OptionGroup var words: Words

    func run() throws {
      for warning in try words.arguments().parsed().checkFiles() { note("warning: \(warning)") }
      try emit("The configuration is valid.\n")
    }
  }

  /// `infer-serve config print`
  struct Print: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints every option with its value and the place where that was set.")
    @OptionGroup var words: Words

    func run() throws {
      let arguments = try words.arguments()
      _ = try arguments.parsed()
      try emit(arguments.description)
    }
  }
}
