import Testing

@testable import infer_serve

struct OpenResponsesTests {
  @Test func waitsForWhatIsOpenButNotForever() async throws {
    let responses = OpenResponses()
    var tickets = [responses.open(), responses.open()]
    let start = ContinuousClock.now
    try await responses.wait(until: start + .milliseconds(50))
    #expect(responses.count == 2 && ContinuousClock.now >= start + .milliseconds(50))
    withExtendedLifetime(tickets) {}
    tickets.removeAll()
    #expect(responses.count == 0)
    try await responses.wait(until: start + .seconds(3600))
  }
}
