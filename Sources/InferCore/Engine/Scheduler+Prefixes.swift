internal import DequeModule

// Sequences that begin alike and come together.
extension Scheduler {
  /// Has a sequence that waits follow the running one that it shares most tokens with which are not computed.
  func follow(_ sequence: Sequence) {
    sequence.scheduling.leader = nil
    for other in running { follow(other, by: sequence) }
  }

  /// Has the sequences that wait follow one that begins to run.
  func lead(_ sequence: Sequence) {
    for other in waiting { follow(sequence, by: other) }
  }

  /// Has a waiting sequence follow a running one as far as both begin alike, and both keep their state there, if it follows
  /// nobody with whom it shares more. None waits for one of less urgency.
  private func follow(_ leader: Sequence, by sequence: Sequence) {
    guard let scope = sequence.scheduling.scope, leader.scheduling.scope == scope,
      leader.scheduling.priority <= sequence.scheduling.priority
    else { return }
    let known = max(leader.scheduling.computed, sequence.scheduling.leader?.tokens ?? 0)
    // Nothing more is shared unless the next token is, and prompts are long.
    guard known < sequence.scheduling.tokens.count, known < leader.scheduling.tokens.count,
      leader.scheduling.tokens[known] == sequence.scheduling.tokens[known]
    else { return }
    let shared = min(
      commonPrefix(leader.scheduling.tokens, sequence.scheduling.tokens), sequence.scheduling.reusable,
      leader.scheduling.tokens.count - 1)
    guard shared > known, shared >= SchedulingState.leastKept else { return }
    leader.scheduling.mark(shared)
    sequence.scheduling.mark(shared)
    sequence.scheduling.leader = (leader.scheduling.id, shared)
    sequence.scheduling.isDealt = true
    sequence.scheduling.expectedTokens = max(sequence.scheduling.expectedTokens, shared)
  }

  /// `true` while a waiting sequence's state is being loaded, or a running sequence is computing what it begins with.
  func waitsForLeader(_ sequence: Sequence) -> Bool {
    if sequence.scheduling.isLoading { return true }
    while let leader = sequence.scheduling.leader {
      if let other = running.first(where: { $0.scheduling.id == leader.id }) {
        return other.scheduling.computed < leader.tokens
      }
      // It has ended or pauses; somebody else may have the same prefix.
      follow(sequence)
    }
    return false
  }
}
