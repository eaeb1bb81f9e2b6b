import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferKit

/// `infer-serve chat`: a conversation in the terminal, with a model in this process or behind a server.
struct Chat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Chats in the terminal, with a model or with a server.",
    discussion: """
      With a model, it is loaded here; with --server, any server with OpenAI's interface answers. Reasoning is shown dim, \
      before the answer. /help tells the commands: among them /system, /set, /think, /undo, /retry, /save and /load. Ctrl-C \
      stops an answer, ctrl-D leaves. Several lines: alt-enter, a backslash at the end, or three \
      quotation marks around them. Where standard \
      input or output is no terminal, every line is a message or a command, and nothing but the answers goes to standard \
      output.
      """)

  @Argument(
    help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var path: PathArgument?

  @Option(
    help: ArgumentHelp("Folder of the model, or its GGUF file; with --server, the name to ask for.", valueName: "model")
  )
  var model: String?

  @Option(
    help: ArgumentHelp("A server to talk to: http://127.0.0.1:8080, https://…, or unix:PATH.", valueName: "address"))
  var server: String?

  @Option(
    help: ArgumentHelp(
      "Key to send to the server (default: INFER_SERVE_API_KEY, or else OPENAI_API_KEY).", valueName: "key"))
  var apiKey: String?

  @Option(help: ArgumentHelp("A system message.", valueName: "text"))
  var system: String?

  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A setting, as in temperature=0.7; may be repeated. /help in the chat names them.", valueName: "name=value"))
  var assignments: [String] = []

  @Option(help: ArgumentHelp("How to think: \(ChatSettings.efforts).", valueName: "how"))
  var think: String?

  @Option(
    help: ArgumentHelp(
      "File of what was entered before (default: infer-serve/chat-history in XDG_STATE_HOME, or in ~/.local/state).",
      valueName: "file"), transform: PathArgument.init)
  var historyFile: PathArgument?

  @Flag(help: "Keep nothing of what is entered.")
  var noHistory = false

  @OptionGroup(title: "Options of a model in this process") var own: ChatEngineOptions

  func validate() throws {
    if server == nil {
      guard (path == nil) != (model == nil) else { throw ValidationError("give a model, or --server") }
      if apiKey != nil { throw ValidationError("--api-key needs --server") }
      if let model { _ = try PathArgument(model) }
    } else {
      if path != nil { throw ValidationError("give a model or --server, not both; --model names one of the server's") }
      let names = OptionTable(of: Self.self)
      let given = Setting.settings(of: Array(CommandLine.arguments.dropFirst(2)), names).map(\.name)
      if let name = given.first(where: OptionTable(of: ChatEngineOptions.self).names.contains) {
        throw ValidationError("--\(name) is for a model in this process, and has no effect with --server")
      }
    }
    if noHistory, historyFile != nil { throw ValidationError("--no-history does not go with --history-file") }
    try check(own.configuration)
    _ = try settings()
  }

  func run() async throws {
    let backend = try await backend()
    do { try await chat(backend) } catch {
      await backend.shutdown()
      throw error
    }
    await backend.shutdown()
  }

  private func chat(_ backend: any ChatBackend) async throws {
    let environment = ProcessInfo.processInfo.environment
    let terminal = TerminalDevice(environment)
    defer { terminal?.set(.original) }
    // What loading had to tell comes before the prompt.
    LineWriter.standardError.flush()
    let screen = ChatScreen(ChatScreen.style(isTerminal: terminal != nil, environment))
    let interrupts = Interrupts()
    var program = ChatProgram(backend, screen, interrupts, system: system, settings: try settings())
    guard let terminal else {
      try await program.run(ChatSource())
      guard program.failures == 0 else {
        throw CommandFailure("\(program.failures) line\(program.failures == 1 ? "" : "s") had no answer")
      }
      return
    }
    let signals = await interrupts.watch(terminal)
    defer { signals.cancel() }
    try screen.tell("\(TerminalText.line(backend.modelName)): /help tells the commands, ctrl-D leaves")
    try await program.run(ChatSource(prompt(terminal, environment)))
  }

  private func prompt(_ terminal: TerminalDevice, _ environment: [String: String]) -> TerminalPrompt {
    let file = noHistory ? nil : historyFile?.url ?? LineHistory.defaultFile(environment)
    let editor = LineEditor(
      history: LineHistory(file: file), words: ChatCommand.descriptions.map(\.name), isComplete: ChatInput.isComplete)
    return TerminalPrompt(terminal, prompt: ">>> ", continuation: "... ", editor: editor)
  }

  private func backend() async throws -> any ChatBackend {
    if let server {
      let environment = ProcessInfo.processInfo.environment
      let key = apiKey ?? environment[AccessOptions.variable] ?? environment["OPENAI_API_KEY"]
      return try await ServerBackend(
        try ServerAddress(server), model: model, apiKey: key.flatMap { $0.isEmpty ? nil : $0 })
    }
    guard let path = try path ?? model.map(PathArgument.init) else { throw CommandFailure("give a model, or --server") }
    own.placement.place()
    let model = try own.computing.load(path, template: own.template.replacement())
    let backend = EngineBackend(engine: try Engine(model, configuration: own.configuration), model: model)
    // Refuses a model that cannot chat before anything is asked.
    _ = try ChatSession(backend.engine)
    return backend
  }

  private func settings() throws -> ChatSettings {
    var settings = ChatSettings()
    do {
      for assignment in assignments {
        let name = assignment.prefix { $0 != "=" }
        guard name.endIndex != assignment.endIndex else {
          throw ValidationError("--set must be NAME=VALUE, not '\(assignment)'")
        }
        try settings.set(String(name), String(assignment[name.endIndex...].dropFirst()))
      }
      if let think { try settings.think(think) }
    } catch let failure as CommandFailure { throw ValidationError(failure.errorDescription ?? "") }
    return settings
  }
}

/// How a model in this process is loaded and computed.
struct ChatEngineOptions: ParsableArguments {
  @OptionGroup var computing: ComputingOptions
  @OptionGroup var placement: PlacementOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var template: ChatTemplateOptions

  /// The engine's configuration.
  var configuration: EngineConfiguration {
    var configuration = engine.configuration(threads: computing.threadCount)
    configuration.maxRunning = 1
    configuration.maxQueue = 1
    return configuration
  }
}
