/// The tokens that each client has been served, by which clients with little service go first.
///
/// Virtual token counters (Sheng et al., "Fairness in Serving Large Language Models", 2024): a generated token counts as
/// much as two of a prompt, and a client that comes back after a pause starts no lower than those who are there, or than who
/// left last, so that nobody saves up.
struct ServiceCounters {
  /// The weight of a generated token; one of a prompt has 1.
  static let generatedWeight = 2

  private struct Client {
    let name: [UInt8]
    /// The weighted tokens served.
    var served = 0
    /// The number of unfinished sequences.
    var sequences = 0
  }

  private var clients: [Client] = []
  private var indices: [[UInt8]: Int] = [:]
  private var present = 0
  /// The service of the client that left last.
  private var lastLeft = 0

  /// The tokens that client `index` has been served.
  subscript(index: Int) -> Int { clients[index].served }

  /// Takes on a sequence of a client, and returns the client's index, which holds until its last sequence has gone.
  mutating func enter(_ name: [UInt8]) -> Int {
    let index = index(of: name)
    if clients[index].sequences == 0 {
      let least = clients.lazy.filter { $0.sequences > 0 }.map(\.served).min()
      clients[index].served = max(clients[index].served, least ?? lastLeft)
      present += 1
    }
    clients[index].sequences += 1
    return index
  }

  /// Notes that a sequence of a client has gone.
  mutating func leave(_ index: Int) {
    clients[index].sequences -= 1
    guard clients[index].sequences == 0 else { return }
    present -= 1
    lastLeft = clients[index].served
  }

  /// Counts served tokens.
  mutating func charge(_ index: Int, _ tokens: Int) { clients[index].served += tokens }

  /// The number of clients that are remembered while they have nothing to do.
  private static let maxAbsent = 1024

  private mutating func index(of name: [UInt8]) -> Int {
    if let index = indices[name] { return index }
    if clients.count - present >= Self.maxAbsent {
      // Whoever is owed most would start where the others are in any case.
      let absent = clients.indices.filter { clients[$0].sequences == 0 }
      if let least = absent.min(by: { clients[$0].served < clients[$1].served }) {
        indices[clients[least].name] = nil
        indices[name] = least
        clients[least] = Client(name: name)
        return least
      }
    }
    indices[name] = clients.count
    clients.append(Client(name: name))
    return clients.count - 1
  }
}
