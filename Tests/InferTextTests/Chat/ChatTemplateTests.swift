import Foundation
import InferText
import Testing

@Suite struct ChatTemplateBehavior {
  // strftime of Python 3.11 on the same moments.
  @Test(arguments: [
    (
      "2026-01-02T03:04:05Z",
      "2026-01-02 03:04:05|Friday Fri January Jan 02 002 AM 03 26| 2 2 1 3 3|2026-01-02 03:04:05 01/02/26 03:04 5 5 %"
    ),
    (
      "2024-12-31T23:59:58Z",
      "2024-12-31 23:59:58|Tuesday Tue December Dec 31 366 PM 11 24|31 31 12 11 23|2024-12-31 23:59:58 12/31/24 23:59 2 2 %"
    ),
    (
      "2026-06-07T12:00:00Z",
      "2026-06-07 12:00:00|Sunday Sun June Jun 07 158 PM 12 26| 7 7 6 12 12|2026-06-07 12:00:00 06/07/26 12:00 7 0 %"
    ),
  ])
  func tellsTheTime(_ moment: String, _ expected: String) throws {
    let format = "%Y-%m-%d %H:%M:%S|%A %a %B %b %d %j %p %I %y|%e %-d %-m %-I %-H|%F %T %D %R %u %w %%"
    let template = try ChatTemplate(source: "{{ strftime_now('\(format)') }}")
    let now = try #require(ISO8601DateFormatter().date(from: moment))
    #expect(try template.render(messages: [], now: now, timeZone: .gmt) == expected)
    let east = try #require(TimeZone(secondsFromGMT: 19_800))
    let zoned = try ChatTemplate(source: "{{ strftime_now('%H:%M %z') }}")
    #expect(try zoned.render(messages: [], now: Date(timeIntervalSince1970: 0), timeZone: east) == "05:30 +0530")
  }

  @Test func whatIsLeftOutIsRefusedByName() throws {
    for (source, name) in [
      ("{{ 'x' | urlize }}", "'urlize' is not supported"), ("{{ 'x' | pprint }}", "'pprint' is not supported"),
      ("{{ [] | groupby('a') }}", "'groupby' is not supported"), ("{{ cycler() }}", "'cycler' is undefined"),
      ("{% include 'x' %}", "'include' is not supported"), ("{% extends 'x' %}", "'extends' is not supported"),
      ("{% import 'x' as y %}", "'import' is not supported"), ("{% from 'x' import y %}", "'from' is not supported"),
    ] {
      let result = Result { () throws(TemplateError) in try ChatTemplate(source: source).render(messages: []) }
      guard case .failure(let error) = result else {
        Issue.record("\(source) renders")
        continue
      }
      #expect("\(error)".contains(name) && "\(error)".contains("line 1"))
    }
  }

  @Test func templatesTellWhatTheyMention() throws {
    let template = try ChatTemplate(
      source:
        "tools {# tools #}{{ 'tools' }}{{ x.tools }}{% set tools = 1 %}{% macro m() %}{{ xml_tools }}{% endmacro %}")
    #expect(template.mentions("xml_tools") && template.mentions("x") && !template.mentions("tools"))
  }

  @Test func reasoningHasAllItsNames() throws {
    let template = try ChatTemplate(
      source: "{% for m in messages %}{{ m.reasoning_content }},{{ m.thinking }},{{ m.keys() | list }};{% endfor %}")
    let output = try template.render(messages: [
      ["role": "a", "reasoning": "r"], ["role": "b", "thinking": "t", "reasoning_content": nil], ["role": "c"],
    ])
    #expect(
      output == "r,r,['thinking', 'role', 'reasoning', 'reasoning_content'];"
        + "t,t,['role', 'thinking', 'reasoning_content'];,,['role'];")
  }

  @Test func variablesReachTheTemplate() throws {
    let template = try ChatTemplate(
      source:
        "{{ bos_token }}{{ enable_thinking }}{{ tools }}{{ documents }}{{ add_generation_prompt }}{{ custom.x[0] }}")
    let variables: JSONObject = ["bos_token": "<s>", "enable_thinking": false, "custom": ["x": [1.0]]]
    #expect(
      try template.render(messages: [], tools: [], addGenerationPrompt: false, variables: variables)
        == "<s>False[]NoneFalse1.0")
    #expect(throws: TemplateError.self) { try template.render(messages: "text") }
  }

  @Test func isFoundInAModelsFolder() throws {
    let folder = URL.temporaryDirectory.appending(path: "template-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(try ChatTemplate.load(folder: folder)?.source == nil)

    let configuration = folder.appending(path: "tokenizer_config.json")
    try Data(#"{"eos_token": "e"}"#.utf8).write(to: configuration)
    #expect(try ChatTemplate.load(folder: folder)?.source == nil)
    try Data(#"{"chat_template": "one"}"#.utf8).write(to: configuration)
    #expect(try ChatTemplate.load(folder: folder)?.source == "one")
    let several = #"{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "two"}]}"#
    try Data(several.utf8).write(to: configuration)
    #expect(try ChatTemplate.load(folder: folder)?.source == "two")
    try Data(#"{"chat_template": 5}"#.utf8).write(to: configuration)
    #expect(
      throws: TemplateError.file("tokenizer_config.json: chat_template is an integer, expected a string or a list")
    ) {
      try ChatTemplate.load(folder: folder)
    }

    // Without one named so, there are still those for other purposes.
    try Data(#"{"chat_template": [{"name": "tool_use", "template": "tools"}]}"#.utf8).write(to: configuration)
    let purposes = try #require(try ChatTemplate.load(folder: folder))
    #expect(try purposes.render(messages: [], tools: []) == "tools")
    #expect(throws: TemplateError.file("there is none named \"default\", only \"tool_use\"")) {
      try purposes.render(messages: [])
    }
    try Data(#"{"chat_template": [{"name": "tool_use"}]}"#.utf8).write(to: configuration)
    #expect(throws: TemplateError.self) { try ChatTemplate.load(folder: folder) }

    try Data("three\n".utf8).write(to: folder.appending(path: "chat_template.jinja"))
    let template = try #require(try ChatTemplate.load(folder: folder))
    #expect(try template.render(messages: []) == "three")
    try FileManager.default.createDirectory(
      at: folder.appending(path: "additional_chat_templates"), withIntermediateDirectories: true)
    let further = folder.appending(path: "additional_chat_templates/tool_use.jinja")
    try Data("{{ tools | length }} tools".utf8).write(to: further)
    let named = try #require(try ChatTemplate.load(folder: folder))
    #expect(try named.render(messages: []) == "three" && named.mentions("tools"))
    #expect(try named.render(messages: [], tools: [1, 2]) == "2 tools" && named.source == "three\n")
    try Data("{{".utf8).write(to: further)
    let broken = #expect(throws: TemplateError.self) { try ChatTemplate.load(folder: folder) }
    #expect("\(broken, default: "")".containsExactly("\"tool_use\""))
    try Data([0xFF]).write(to: folder.appending(path: "chat_template.jinja"))
    #expect(throws: TemplateError.file("chat_template.jinja cannot be read as UTF-8 text")) {
      try ChatTemplate.load(folder: folder)
    }
  }
}
