import InferCore
import Testing

@testable import infer_serve

@Suite struct StepAgeTests {
  private func step(_ number: Int) -> StepUnderWay {
    StepUnderWay(
      number: number, start: .now, rows: 3, promptRows: 1, sequences: 2, longestSequence: 9)
  }

  @Test func aStepIsSlowOnceAndThenStuck() {
    var age = StepAge(slow: .seconds(2), stuck: .seconds(5))
    let first = step(1)
    #expect(age.see(first, after: .seconds(1)) == nil && age.age == .zero)
    #expect((0..<5).map { _ in age.see(first, after: .seconds(1)) } == [nil, .slow, nil, nil, .stuck])
  }

  @Test func theEndOfASlowStepIsTold() {
    for next in [nil, step(2)] {
      var age = StepAge(slow: .seconds(1), stuck: nil)
      let first = step(1)
      _ = age.see(first, after: .zero)
      #expect(age.see(first, after: .seconds(1)) == .slow)
      #expect(age.see(next, after: .seconds(1)) == .ended && age.see(next, after: .milliseconds(1)) == nil)
      #expect(age.see(nil, after: .seconds(1)) == nil)
    }
  }

  /// Steps that follow each other are not one long step, and no limit is never reached.
  @Test func briefStepsAreNothingToTell() {
    var age = StepAge(slow: .seconds(1), stuck: .seconds(2))
    for number in 0..<20 { #expect(age.see(step(number), after: .seconds(1)) == nil) }
    var patient = StepAge(slow: nil, stuck: nil)
    let endless = step(1)
    for _ in 0..<20 { #expect(patient.see(endless, after: .seconds(1_000_000)) == nil) }
  }
}
