import DequeModule
import InferCore
import InferText

/// A response that can be asked for, and the items that it answered.
struct StoredResponse: Sendable, Equatable {
  /// The name of the key that it belongs to; `nil` for everybody's.
  var owner: String?
  /// The response object.
  var response: JSONValue
  /// The items of its request's input.
  var input: [JSONValue]
  /// The events that it was told by, of a response that can be followed; `nil` for others.
  var events: [JSONValue]?

  /// The response's id.
  var id: String { response["id"]?.string ?? "" }
  /// The response that it goes on from.
  var previous: String? { response["previous_response_id"]?.string }
  /// The items of input and output.
  var items: [JSONValue] { input + (response["output"]?.array ?? []) }

  /// The form in which it is kept.
  var text: String {
    var members: JSONObject = ["response": response, "input": .array(input)]
    members["events"] = events.map(JSONValue.array)
    members["owner"] = owner.map(JSONValue.string)
    return JSONValue.object(members).serialized()
  }

  init(owner: String? = nil, response: JSONValue, input: [JSONValue], events: [JSONValue]? = nil) {
    self.owner = owner
    self.response = response
    self.input = input
    self.events = events
  }

  /// Reads the form in which it was kept; `nil` for anything else.
  init?(text: String) {
    guard let value = try? JSONValue(parsing: text), let response = value["response"], let input = value["input"]?.array
    else { return nil }
    self.init(owner: value["owner"]?.string, response: response, input: input, events: value["events"]?.array)
  }
}

/// Responses by their ids: in memory within a budget of bytes, those used longest ago going first, and in a database where
/// there is one.
final class ResponseStore: Sendable {
  private struct State {
    var entries: [ExactText: (text: String, time: Int)] = [:]
    /// Uses in their order; those that a later one has followed are passed over.
    var uses: Deque<(id: ExactText, time: Int)> = []
    var bytes = 0
    var time = 0
    /// Those in memory that the database could not take.
    var unsaved: Set<ExactText> = []

    mutating func use(_ id: ExactText) {
      guard entries[id] != nil else { return }
      time += 1
      entries[id]?.time = time
      uses.append((id, time))
      if uses.count > 2 * entries.count + 64 { uses.removeAll { [entries] in entries[$0.id]?.time != $0.time } }
    }

    mutating func remove(_ id: ExactText) -> Bool {
      guard let entry = entries.removeValue(forKey: id) else { return false }
      unsaved.remove(id)
      bytes -= entry.text.utf8.count
      return true
    }

    mutating func keep(_ text: String, _ id: ExactText, limit: Int) {
      _ = remove(id)
      guard text.utf8.count <= limit else { return }
      entries[id] = (text, 0)
      bytes += text.utf8.count
      use(id)
      while bytes > limit, let oldest = uses.popFirst() {
        if entries[oldest.id]?.time == oldest.time { _ = remove(oldest.id) }
      }
    }
  }

  private let state = Monitor(State())
  private let limit: Int
  private let database: ResponseDatabase?

  /// A store of so many bytes in memory, before a database.
  init(limit: Int, database: ResponseDatabase? = nil) {
    self.limit = limit
    self.database = database
  }

  /// The bytes of the responses in memory.
  var byteCount: Int { state.withLock { $0.bytes } }

  /// Keeps a response, in place of one of the same id.
  ///
  /// - Throws: The database's error; the response is kept in memory all the same, and written with the next.
  func save(_ stored: StoredResponse) async throws {
    let (id, text) = (ExactText(stored.id), stored.text)
    state.withLock { $0.keep(text, id, limit: limit) }
    do { try await write([(id, text)]) } catch {
      state.withLock { if $0.entries[id] != nil { $0.unsaved.insert(id) } }
      throw error
    }
  }

  /// Writes what the database could not take before, if it can now.
  func flush() async {
    guard state.withLock({ !$0.unsaved.isEmpty }) else { return }
    try? await write([], insists: true)
  }

  /// Has the database take responses, and those that it could not take before.
  private func write(_ new: [(id: ExactText, text: String)], insists: Bool = false) async throws {
    let written = try await database?.save(insists: insists) { [state] in
      let earlier = state.withLock { state in
        state.unsaved.compactMap { id in state.entries[id].map { (id: id, text: $0.text) } }
      }
      return earlier.filter { old in !new.contains { $0.id == old.id } } + new
    }
    state.withLock { $0.unsaved.subtract(written ?? []) }
  }

  /// The response of an id that belongs to `owner`; `nil` when there is none, or none any more. May have to wait for the disk.
  func find(_ id: String, of owner: String? = nil) throws(APIError) -> StoredResponse? {
    guard let stored = try text(id).flatMap({ StoredResponse(text: $0) }), stored.owner == owner else { return nil }
    return stored
  }

  private func text(_ id: String) throws(APIError) -> String? {
    let key = ExactText(id)
    let known = state.withLock { state in
      state.use(key)
      return state.entries[key]?.text
    }
    if let known { return known }
    do {
      guard let text = try database?.find(id) else { return nil }
      state.withLock { $0.keep(text, key, limit: limit) }
      return text
    } catch { throw .storeUnavailable }
  }

  /// Removes a response of `owner`. Returns `false` when there was none. May have to wait for the disk.
  func remove(_ id: String, of owner: String? = nil) throws(APIError) -> Bool {
    guard try find(id, of: owner) != nil else { return false }
    let wasSaved: Bool
    do { wasSaved = try database?.remove(id) ?? false } catch { throw .storeUnavailable }
    let wasKept = state.withLock { $0.remove(ExactText(id)) }
    return wasKept || wasSaved
  }

  /// All items of the conversation up to the end of a response. Earlier responses count as used later, so that they outlive
  /// those that go on from them.
  ///
  /// - Parameters:
  ///   - id: The id of the last response.
  ///   - owner: The one that all responses belong to.
  ///   - limit: The maximum number of bytes of the conversation.
  /// - Throws: ``APIError`` when a response is not known, or for a longer conversation.
  func conversation(to id: String, of owner: String? = nil, limit: Int) throws(APIError) -> [JSONValue] {
    var turns: [[JSONValue]] = []
    var (next, seen, bytes) = (Optional(id), Set<ExactText>(), 0)
    while let id = next, seen.insert(ExactText(id)).inserted {
      guard var stored = try find(id, of: owner) else {
        throw .previousResponseNotFound(id)
      }
      stored.events = nil
      bytes += stored.text.utf8.count
      guard bytes <= limit else {
        throw .invalid(
          "previous_response_id", "The conversation up to this response has more than \(limit) bytes.",
          code: APIError.contextExceeded)
      }
      turns.append(stored.items)
      next = stored.previous
    }
    return turns.reversed().flatMap { $0 }
  }
}

extension APIError {
  /// The database of responses cannot be used. Why is in the log.
  static let storeUnavailable = unavailable(
    "The stored responses cannot be read or changed now.", code: "store_unavailable", retryAfter: 1)

  /// No response of that id is kept.
  static func responseNotFound(_ id: String) -> APIError {
    APIError(
      status: 404, message: "Response with id '\(id)' not found.", type: "invalid_request_error",
      parameter: "response_id", code: "response_not_found")
  }

  /// The response that a request goes on from, or one before it, is not kept: a fault of the request, as OpenAI has it.
  static func previousResponseNotFound(_ id: String) -> APIError {
    APIError(
      status: 400, message: "Previous response with id '\(id)' not found.", type: "invalid_request_error",
      parameter: "previous_response_id", code: "previous_response_not_found")
  }
}
