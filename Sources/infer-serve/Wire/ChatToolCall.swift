import InferCore
import InferText

/// A call of a tool in an answer.
struct ChatToolCall: Equatable {
  /// Its name, given by the model in some formats and otherwise random.
  var id: String
  var name: String
  /// Whether the tool takes a text instead of arguments.
  var takesText = false
  /// JSON as far as it has come.
  var arguments = ""
  /// Whether all of it has come.
  var isComplete = false

  /// The parameter that holds the text of a tool that takes one.
  static let textParameter = "input"

  /// The member `function_call` of a message.
  var functionJSON: JSONValue { ["name": .string(name), "arguments": .string(arguments)] }

  /// An element of `message.tool_calls`.
  var json: JSONValue {
    guard takesText else { return ["id": .string(id), "type": "function", "function": functionJSON] }
    return ["id": .string(id), "type": "custom", "custom": ["name": .string(name), "input": .string(text)]]
  }

  /// The text for a tool that takes one: the arguments as they are where they are of another form, and nothing where they
  /// broke off.
  var text: String {
    guard isComplete else { return "" }
    guard let value = argumentsObject[Self.textParameter] else { return arguments }
    return value.string ?? value.serialized()
  }

  /// The arguments as an object; an empty one where they broke off.
  var argumentsObject: JSONValue { Self.object(arguments) }

  /// Arguments as an object; an empty one where they broke off.
  static func object(_ arguments: String) -> JSONValue {
    guard let object = try? JSONValue(parsing: arguments), object.object != nil else { return [:] }
    return object
  }

  /// The part of a call in an event: all of its head, or more of its arguments, or its text.
  struct Delta: Equatable {
    var index: Int
    /// The call without its arguments, in its first event.
    var head: ChatToolCall?
    /// Whether the arguments are a text.
    var isText = false
    var arguments = ""

    /// The member `function_call` of a delta.
    var functionJSON: JSONValue { head?.functionJSON ?? ["arguments": .string(arguments)] }

    /// An element of `delta.tool_calls`.
    var json: JSONValue {
      var members: JSONObject = ["index": .integer(index)]
      if let head {
        members.merge(head.json.object ?? [:])
      } else if isText {
        members["custom"] = ["input": .string(arguments)]
      } else {
        members["function"] = functionJSON
      }
      return .object(members)
    }
  }
}
