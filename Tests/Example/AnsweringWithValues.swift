import InferKit

/// A puzzle's answer.
struct Animals: Codable {
  enum Place: String, Codable, CaseIterable { case barn, cage }

  let place: Place
  let chickens: UInt8
  let rabbits: UInt8
  let remark: String?
}

/// Has the model fill in a Swift type.
func answeringWithValues(_ engine: Engine) async throws -> Animals {
  let session = try ChatSession(engine)
  return try await session.respond(
    to: "A cage has 35 heads and 94 feet. Say as JSON where the animals are, and how many of each there are.",
    as: Animals.self)
}
