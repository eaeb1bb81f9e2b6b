/// The calls of tools that an answer may have.
public struct CallRules: Equatable, Sendable {
  /// The calls that an answer has to be.
  public enum Demand: Equatable, Sendable {
    /// Content, calls, or both.
    case none
    /// Calls, of any of the functions.
    case any
    /// Calls of one function.
    case function(String)
  }

  /// The tools as in a request: an array of objects with a `function` that has a `name` and, as a JSON schema, `parameters`.
  public let tools: JSONValue
  /// The languages of functions that take a text, by their names: their parameters have one property, which is a string of
  /// the language. Names of no tool are passed over.
  public let texts: TextDictionary<Constraint.Language>
  /// `true` when there may be more than one call.
  public let allowsSeveral: Bool
  /// The calls that the answer has to be.
  public let demand: Demand

  /// Calls of some tools.
  public init(
    tools: JSONValue, texts: TextDictionary<Constraint.Language> = [:], allowsSeveral: Bool = true,
    demand: Demand = .none
  ) {
    self.tools = tools
    self.texts = texts
    self.allowsSeveral = allowsSeveral
    self.demand = demand
  }

  /// The functions that may be called, with the schemas of their arguments.
  ///
  /// A function without parameters takes none, and one whose schema only declares properties no others.
  ///
  /// - Parameter format: The makeup of the model's answers, whose calls may have no place for some texts.
  /// - Throws: ``ConstraintError`` for what cannot be held.
  func functions(in format: OutputFormat) throws(ConstraintError) -> [CallableFunction] {
    var functions: [CallableFunction] = []
    for (index, tool) in (tools.array ?? []).enumerated() {
      let function = tool["function"] ?? tool
      guard let name = function["name"]?.string else { continue }
      if case .function(let demanded) = demand, !name.isExactly(demanded) { continue }
      guard format.toolCalls?.canCall(name) ?? true else {
        let format = format.toolCalls?.rawValue ?? ""
        throw ConstraintError(.name(tool: index, name: name), reason: "calls of the format \(format) cannot have it")
      }
      if let language = texts[name] {
        let properties = function["parameters"]?["properties"]?.object?.keys ?? []
        guard let parameter = properties.first, properties.count == 1 else {
          throw ConstraintError(
            .parameters(tool: index, name: name),
            reason: "expected one property, the text, found \(properties.count)")
        }
        do {
          let machine = try format.argument(try language.machine())
          functions.append(CallableFunction(name: name, arguments: .text(parameter, machine)))
        } catch {
          throw ConstraintError(.text(tool: index, name: name), reason: error.reason)
        }
        continue
      }
      var members = function["parameters"]?.object ?? ["properties": [:], "additionalProperties": false]
      // Arguments are an object, whatever else the schema allows.
      let types = members["type"].map { $0.array ?? [$0] } ?? ["object"]
      guard types.contains("object") else {
        throw ConstraintError(
          .parameters(tool: index, name: name), reason: "schema at the top: type: arguments are an object")
      }
      members["type"] = "object"
      if members.contains(key: "nullable") { members["nullable"] = false }
      if Self.declaresAll(members) { members["additionalProperties"] = false }
      do {
        functions.append(CallableFunction(name: name, arguments: .object(try format.arguments(.object(members)))))
      } catch {
        throw ConstraintError(.parameters(tool: index, name: name), reason: "\(error)")
      }
    }
    return functions
  }

  /// Keywords that speak of members beside `properties` and `required`.
  private static let ofMembers = [
    "additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "minProperties",
    "dependentRequired", "dependentSchemas", "dependencies", "$ref", "allOf", "anyOf", "oneOf", "not", "if", "const",
    "enum",
  ]

  /// `true` when a schema's `properties` are all that it says of members: a function has no parameters but those, although the
  /// schema by itself would admit others.
  private static func declaresAll(_ schema: JSONObject) -> Bool {
    guard let properties = schema["properties"]?.object, !ofMembers.contains(where: schema.contains(key:)) else {
      return false
    }
    return (schema["required"]?.array ?? []).allSatisfy { $0.string.map(properties.contains(key:)) ?? false }
  }
}

/// A function that may be called.
struct CallableFunction {
  let name: String
  let arguments: Arguments

  /// The arguments of a call.
  enum Arguments {
    /// An object.
    case object(JSONMachine)
    /// A text, as the parameter of a name.
    case text(String, any ByteMachine)
  }
}
