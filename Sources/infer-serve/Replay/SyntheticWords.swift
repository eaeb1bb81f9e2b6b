/// Words that synthetic prompts are made of: common ones, which most vocabularies have as one token each.
enum SyntheticWords {
  static let all: [String] = """
    a able about above across act add after again age ago air all also always among and animal answer any appear are \
    area arm around as ask at away back bad base be bear beat bed before began begin behind best better between big \
    bird black blue boat body book both box boy bring brought build busy but buy by call came can car care carry case \
    cause center certain change check child city class clear close cold color come common complete contain cook cool \
    copy could country course cover cross cry cut dark day decide deep did direct do does done door down draw dream \
    drive dry each early ease east eat end enough even ever every exact example eye face fact fall family far farm fast \
    father feel feet few field figure fill final find fine fire first fish five fly follow food foot for force form four \
    free friend from front full game gave get girl give go gold good got great green ground group grow had half hand \
    happen hard has have he head hear heart heat help her here high hold home horse hot hour house how hundred idea if \
    in inch interest is island it just keep kind king knew know land language large last late laugh lay lead learn leave \
    left less let letter life light like line list little live long look love low machine made main make man many map \
    mark may mean measure men might mile mind minute miss money moon more morning most mother mountain move much \
    music must name near need never new next night no north nose note nothing notice now number object of off often old \
    on once one only open or order other our out over own page paper part pass pattern people perhaps person picture \
    piece place plain plan plane plant play point port possible power press problem product public pull put question \
    quick rain ran reach read ready real record red remember rest right river road rock room round rule run said same
    """.split(separator: " ").map(String.init)
}
