import ArgumentParser
import Foundation
import InferCore
import InferText

/// Which chat template is rendered, and what messages may do to it. Shared by the commands that render one.
struct ChatTemplateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A chat template in place of the model's own: a file, or the text itself.", valueName: "file or text"))
  var chatTemplate: String?

  @Flag(help: "Take names of special tokens in messages for those tokens, rather than for plain text.")
  var allowSpecialInMessages = false

  /// The template that replaces the model's own; nil without one.
  func replacement() throws -> ChatTemplate? {
    guard let chatTemplate else { return nil }
    let isText = ["{{", "{%", "{#"].contains { chatTemplate.containsExactly($0) }
    do { return try ChatTemplate(source: isText ? chatTemplate : Self.file(chatTemplate)) } catch let error
      as TemplateError
    {
      throw CommandFailure("--chat-template: \(error)")
    }
  }

  private static func file(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandFailure(
        "--chat-template: \(path) is neither a file that can be read nor a template, which would hold {{ or {%")
    }
    guard let source = String(validating: data, as: UTF8.self) else {
      throw CommandFailure("--chat-template: \(path) is no UTF-8 text")
    }
    return source
  }
}
