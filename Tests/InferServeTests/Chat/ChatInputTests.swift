import Foundation
import HybridBlocks
import InferCore
import InferText
import Testing

@testable import infer_serve

struct ChatInputTests {
  private func complaint(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "none"
    } catch { return error.localizedDescription }
  }

  @Test func messagesAreTakenApart() throws {
    #expect(try ChatInput("  \n ") == .nothing)
    #expect(try ChatInput(" hello ") == .message("hello"))
    #expect(try ChatInput("a\\\nb") == .message("a\nb"))
    #expect(try ChatInput("\"\"\"\n  a \\\nb\n\"\"\" ") == .message("  a \\\nb"))
    #expect(try ChatInput("\"\"\"a\"\"\"") == .message("a"))
    #expect(try ChatInput("\"\"\"\"\"\"") == .nothing)
    #expect(try ChatInput("//etc/passwd") == .message("/etc/passwd"))
  }

  @Test(arguments: [
    ("a", true), ("a\\", false), ("", true), ("\"\"\"", false), ("\"\"\"\"\"\"", true), ("\"\"\"a\\", false),
    ("\"\"\"a\n\"\"\"\n", true), (" \"\"\"a", false), ("\"\"\"\"", false), ("a \"\"\"", true),
  ])
  func entriesAreComplete(_ text: String, _ isComplete: Bool) {
    #expect(ChatInput.isComplete(text) == isComplete, "\(text)")
  }

  @Test func commandsAreRead() throws {
    let commands: [(String, ChatCommand)] = [
      ("/help", .help), ("/?", .help), ("/quit", .exit), ("/system", .system(nil)), ("/system -", .system("")),
      ("/system Be brief.\\\nVery.", .system("Be brief.\nVery.")), ("/set", .settings),
      ("/set top_p 0.5", .set(name: "top_p", value: "0.5")), ("/set seed=7", .set(name: "seed", value: "7")),
      ("/think", .think(nil)), ("/think high", .think("high")),
      ("/save a b.json", .save(path: "a b.json", replacing: false)),
      ("/save -f x", .save(path: "x", replacing: true)), ("/load x", .load(path: "x")), ("/model", .model(nil)),
      ("/model b", .model("b")), (" /undo ", .undo),
    ]
    for (text, command) in commands { #expect(try ChatInput(text) == .command(command), "\(text)") }
  }

  @Test(arguments: [
    ("/udno", "there is no command /udno; did you mean '/undo'?"),
    ("/etc/passwd is what?", "there is no command /etc/passwd; "),
    ("/save", "/save needs a file"), ("/save -f", "/save needs a file"), ("/load", "/load needs a file"),
    ("/undo 3", "/undo takes nothing behind it"), ("/set top_p", "/set top_p needs a value"),
  ])
  func wrongCommandsAreRefused(_ text: String, _ expected: String) {
    let said = complaint { _ = try ChatInput(text) }
    #expect(said.hasPrefix(expected), "\(said)")
  }

  @Test func settingsAreMembersOfRequests() throws {
    var settings = ChatSettings()
    try settings.set("temperature", "0.5")
    try settings.set("max_tokens", "7")
    try settings.set("seed", "3")
    try settings.set("seed", "default")
    #expect(settings.members == ["temperature": .number(0.5), "max_tokens": 7])
    #expect(try settings.sampling(.init()).temperature == 0.5 && settings.stop().maxTokens == 7)
    try settings.think("low")
    #expect(settings.members["reasoning_effort"] == "low" && settings.templateVariables == ["reasoning_effort": "low"])
    try settings.set("effort", "off")
    #expect(settings.members["enable_thinking"] == false)
    #expect(settings.members["chat_template_kwargs"]?["enable_thinking"] == false)
    #expect(settings.lines == ["temperature 0.5", "max_tokens 7", "think off"])
    try settings.think("default")
    #expect(settings.templateVariables.isEmpty)
  }

  @Test(arguments: [
    ("temprature", "1", "there is no setting temprature; did you mean 'temperature'?"),
    ("temperature", "warm", "temperature must be a number, not 'warm'"),
    ("temperature", "inf", "temperature must be a number"),
    ("temperature", "-1", "temperature must be"), ("max_tokens", "0", "max_tokens must be at least 1"),
    ("max_tokens", "1.5", "max_tokens must be an integer"), ("top_p", "7", "top_p must be"),
    ("think", "hard", "how to think must be on, off"),
    ("seed", "99999999999999999999", "seed must be an integer"),
  ])
  func wrongSettingsAreRefused(_ name: String, _ value: String, _ expected: String) {
    var settings = ChatSettings()
    let said = complaint { try settings.set(name, value) }
    #expect(said.hasPrefix(expected), "\(said)")
    #expect(settings == ChatSettings())
  }

  @Test func dialoguesAreReadAsTheyWereWritten() throws {
    var dialogue = Dialogue()
    dialogue.system = "Be brief."
    dialogue.exchanges = [
      Exchange(question: "a", answer: "b", reasoning: "c"), Exchange(question: "d", answer: "e"),
    ]
    #expect(dialogue.json["messages"]?.array?.count == 5)
    #expect(try Dialogue(json: dialogue.json) == dialogue)
    #expect(try Dialogue(json: []) == Dialogue())
  }

  @Test(arguments: [
    (#"{"a": 1}"#, "expected an object with an array 'messages'"), (#"[1]"#, "messages[0] must have the texts"),
    (#"[{"role": "user", "content": "a"}]"#, "the last message has no answer"),
    (#"[{"role": "assistant", "content": "a"}]"#, "messages[0] answers no message"),
    (#"[{"role": "user", "content": "a"}, {"role": "user", "content": "a"}]"#, "messages[1] has the role 'user'"),
    (#"[{"role": "tool", "content": "a"}]"#, "messages[0] has the role 'tool'"),
    (#"[{"role": "user", "content": [{"type": "image"}]}]"#, "messages[0] must have the texts"),
  ])
  func otherDialoguesAreRefused(_ text: String, _ expected: String) throws {
    let json = try JSONValue(parsing: text)
    let said = complaint { _ = try Dialogue(json: json) }
    #expect(said.hasPrefix(expected), "\(said)")
  }

  @Test func serversAnswerInEvents() throws {
    var answer = ServerAnswer()
    func take(_ text: String) throws -> [ChatPart] { try answer.take(Array(text.utf8)) }
    #expect(try take(#"{"choices": [{"delta": {"role": "assistant", "content": ""}}]}"#).isEmpty)
    #expect(try take(#"{"choices": [{"delta": {"reasoning_content": "hm"}}]}"#) == [.reasoning("hm")])
    #expect(
      try take(#"{"choices": [{"delta": {"reasoning": "x", "content": "y"}}]}"#) == [.reasoning("x"), .content("y")])
    #expect(!answer.isComplete)
    #expect(try take(#"{"choices": [{"delta": {}, "finish_reason": "length"}]}"#).isEmpty)
    #expect(answer.isComplete && answer.cost.isCutOff)
    _ = try take(
      #"{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}}"#
    )
    #expect(answer.cost.promptTokens == 5 && answer.cost.answerTokens == 7 && answer.cost.cachedTokens == 2)
    #expect(complaint { _ = try take(#"{"error": {"message": "no"}}"#) } == "no")
    #expect(complaint { _ = try take("{") }.hasPrefix("an event of the server is no JSON"))
  }

  @Test func addressesAreServers() throws {
    #expect(try ServerAddress("http://a:1/v1/").base == "http://a:1")
    #expect(try ServerAddress("unix:/run/a b.sock").base == "http+unix://%2Frun%2Fa%20b%2Esock")
    #expect(complaint { _ = try ServerAddress("ftp://a") }.hasPrefix("--server must be a URL"))
    #expect(complaint { _ = try ServerAddress("unix:") }.hasPrefix("--server unix: needs the path"))
  }
}
