"""Small talk: what people say first, what the model says it can do, and what is outside its reach.

Every intent has one answer per language, so that greedy decoding has one thing to learn.
"""
import re

from words import THINGS, made_up, name, place

CAN = {
    "en": "I can solve chickens-and-rabbits puzzles, count legs, add and subtract, call functions and fill in forms.",
    "zh": "我會解雞兔同籠、數腿、加減法、呼叫函數和填表。",
    "zh-hans": "我会解鸡兔同笼、数腿、加减法、调用函数和填表。",
}
CANNOT = {
    "en": "I cannot help with that: I only solve chickens-and-rabbits puzzles, count legs, add and subtract, "
    "call functions and fill in forms.",
    "zh": "這個我不會：我只會解雞兔同籠、數腿、加減法、呼叫函數和填表。",
    "zh-hans": "这个我不会：我只会解鸡兔同笼、数腿、加减法、调用函数和填表。",
}
# What somebody with a name says when asked who they are, and for the name.
NAMED = {
    "en": ("I am {n}, a tiny language model.", "My name is {n}."),
    "zh": ("我是{n}，一個很小的語言模型。", "我叫{n}。"),
    "zh-hans": ("我是{n}，一个很小的语言模型。", "我叫{n}。"),
}

# (questions, answer) by language; the intents are the same ones in the same order.
TALK = {
    "en": (
        (
            (
                "Hello", "Hello!", "Hi", "Hi!", "Hi there", "Hello there!", "Hey", "Hey!", "Good morning",
                "Good evening!", "Good afternoon", "Greetings",
            ),
            "Hello! Give me a puzzle or a sum.",
        ),
        (
            (
                "How are you?", "How are you doing?", "How is it going?", "What's up?", "How do you do?",
                "Are you well?",
            ),
            "I am fine, thank you. Do you have a puzzle for me?",
        ),
        (
            (
                "Who are you?", "What are you?", "What is your name?", "What's your name?",
                "Tell me about yourself.", "Introduce yourself.", "Are you a robot?", "Are you human?",
                "Are you an AI?", "Which model are you?",
            ),
            "I am a tiny language model, trained on puzzles and sums. " + CAN["en"],
        ),
        (
            (
                "What can you do?", "What can I ask you?", "How can you help me?", "Can you help me?", "Help",
                "What do you know?", "What are you good at?", "What kind of problems can you solve?",
                "Help me please.", "I need help.",
            ),
            CAN["en"] + " Ask me one!",
        ),
        (
            (
                "Thanks", "Thanks!", "Thank you", "Thank you!", "Thank you very much.", "Thanks a lot!",
                "Great, thanks!", "Many thanks.", "Thx",
            ),
            "You are welcome!",
        ),
        (("Bye", "Bye!", "Goodbye", "Goodbye!", "See you later.", "See you!", "Good night", "Farewell."), "Goodbye!"),
        (
            (
                "Well done!", "Good job!", "Great!", "Correct!", "That is right.", "Very good.", "Nice!",
                "You are smart.", "Awesome!", "Perfect.",
            ),
            "Thank you! Do you have another one?",
        ),
        (
            ("OK", "Okay.", "Yes", "No", "I see.", "Sure.", "Fine.", "Test", "Testing."),
            "All right. Give me a puzzle or a sum.",
        ),
        (
            ("That is wrong.", "Wrong!", "You are wrong.", "That's not right.", "Are you sure?", "I don't think so."),
            "I may be wrong: I am a small model. Please check my steps.",
        ),
        (
            (
                "Who made you?", "Who created you?", "Who trained you?", "How were you made?",
                "Where do you come from?",
            ),
            "I was trained from scratch on generated problems, to show how an inference engine works.",
        ),
    ),
    "zh": (
        (("你好", "你好！", "您好", "您好！", "嗨", "嗨！", "早安", "早安！", "晚安", "午安", "大家好", "哈囉", "哈囉！"), "你好！請給我一道題目。"),
        (("你好嗎？", "你最近好嗎？", "過得怎麼樣？", "近來如何？"), "我很好，謝謝。要給我出一道題嗎？"),
        (
            ("你是誰？", "你是什麼？", "你叫什麼名字？", "請介紹一下自己。", "請自我介紹。", "你是機器人嗎？", "你是人嗎？", "你是人工智慧嗎？"),
            "我是一個很小的語言模型，學的是謎題和算術。" + CAN["zh"],
        ),
        (
            ("你會什麼？", "你能做什麼？", "你會做什麼？", "可以幫我嗎？", "我可以問你什麼？", "你懂什麼？", "幫幫我", "幫我一下。", "你擅長什麼？"),
            CAN["zh"] + "來出一題吧！",
        ),
        (("謝謝", "謝謝！", "謝謝你", "謝謝你！", "多謝", "多謝！", "非常感謝。", "感謝你。"), "不客氣！"),
        (("再見", "再見！", "掰掰", "下次見。", "回頭見！"), "再見！"),
        (("很好！", "答對了！", "做得好！", "真棒！", "沒錯。", "厲害！", "太好了！"), "謝謝！還有別的題目嗎？"),
        (("好", "好的。", "是", "不是", "知道了。", "嗯", "測試"), "好的，請給我一道題目。"),
        (("錯了！", "不對。", "你算錯了。", "你確定嗎？"), "我可能會錯：我只是小模型。請檢查我的步驟。"),
        (("誰做了你？", "誰訓練了你？", "你從哪裡來？", "你是怎麼來的？"), "我是用生成的題目從頭訓練的，用來展示推理引擎。"),
    ),
    "zh-hans": (
        (("早上好", "早上好！", "晚上好", "下午好！", "你们好", "哈喽", "哈喽！"), "你好！请给我一道题目。"),
        (("你好吗？", "你最近怎么样？", "过得怎么样？"), "我很好，谢谢。要给我出一道题吗？"),
        (
            ("你是谁？", "你是什么？", "你叫什么名字？", "请介绍一下自己。", "你是机器人吗？", "你是人吗？", "你是人工智能吗？"),
            "我是一个很小的语言模型，学的是谜题和算术。" + CAN["zh-hans"],
        ),
        (
            ("你会什么？", "你能做什么？", "你会做什么？", "可以帮我吗？", "我可以问你什么？", "帮帮我", "帮我一下。", "你擅长什么？"),
            CAN["zh-hans"] + "来出一题吧！",
        ),
        (("谢谢", "谢谢！", "谢谢你", "谢谢你！", "多谢！", "非常感谢。"), "不客气！"),
        (("再见", "再见！", "拜拜", "下次见。"), "再见！"),
        (("答对了！", "做得好！", "没错。", "厉害！", "太棒了！"), "谢谢！还有别的题目吗？"),
        (("好的", "好的。", "知道了。", "没问题", "测试"), "好的，请给我一道题目。"),
        (("错了！", "不对。", "你算错了。", "你确定吗？"), "我可能会错：我只是小模型。请检查我的步骤。"),
        (("谁做了你？", "谁训练了你？", "你从哪里来？", "你是怎么来的？"), "我是用生成的题目从头训练的，用来展示推理引擎。"),
    ),
}
WHO = 2  # the intent that asks who is there

BEYOND = {
    "en": (

            "What is the capital of {place}?", "Where is {place}?", "Who is the president of {place}?",
            "Tell me about {place}.", "How do I get to {place}?",
            "What is the weather in {place}?", "Write a poem about {thing}.", "Write a story about {thing}.",
            "What is {thing}?", "What is the meaning of {thing}?",
            "How does {thing} work?", "Explain {thing} to me.", "Why do people like {thing}?", "Tell me a joke.",
            "Tell me a joke about {thing}.", "What time is it?",
            "What day is it today?", "What's the weather like?", "Who won the world cup?", "Sing me a song.",
            "Translate this to French.", "How do I cook {thing}?",
            "Write a program in Python.", "Write some code.", "What is the news today?", "Do you love me?",
            "Who was Albert Einstein?", "Who wrote Hamlet?",
            "Recommend a movie.", "What should I eat?", "How old are you?", "Where do you live?",
            "Can you draw {thing}?", "Can you speak French?",
            "Why is the sky blue?", "What is love?", "What is the meaning of life?", "Is there life on Mars?",
            "Fix my computer.", "Who is {name}?", "When was {name} born?", "What does {name} like?",
            "Book a flight to {place}.",
            "Order a {thing} for me.", "Is {thing} healthy?", "How much does a {thing} cost?", "Buy me a {thing}.",
            "Summarize the history of {place}.", "Send a message to {name}.", "Call {name}.", "What does {thing} mean?",
            "Find a hotel in {place}.", "Play some music.", "Who invented the {thing}?", "Describe {place}.",
            "What is the population of {place}?", "What is the price of {thing}?", "Is it raining in {place}?",
    ),
    "zh": (

            "{place}的首都在哪裡？", "{place}在哪裡？", "{place}的天氣怎麼樣？", "介紹一下{place}。", "寫一首關於{thing}的詩。", "什麼是{thing}？",
            "{thing}是什麼？",
            "講個笑話。", "現在幾點？", "今天天氣如何？", "今天星期幾？", "唱首歌。", "寫一段程式。", "推薦一部電影。", "我該吃什麼？", "天空為什麼是藍色的？", "你幾歲？",
            "你住在哪裡？", "誰是李白？", "翻譯成英文。", "人生的意義是什麼？", "{name}是誰？", "買一個{thing}。", "去{place}怎麼走？", "{thing}多少錢？",
    ),
    "zh-hans": (

            "{place}的首都在哪里？", "{place}在哪里？", "{place}的天气怎么样？", "介绍一下{place}。", "写一首关于{thing}的诗。", "什么是{thing}？",
            "讲个笑话。", "现在几点？", "今天天气如何？", "写一段程序。", "推荐一部电影。", "我该吃什么？", "天空为什么是蓝色的？", "你几岁？", "你住在哪里？", "人生的意义是什么？",
            "{name}是谁？", "买一个{thing}。", "去{place}怎么走？", "{thing}多少钱？",
    ),
}
WORDS = {
    "en": ("love", "the sea", "music", "a cat", "the internet", "a dog", "the sun", "football", "history", "a tree"),
    "zh": ("愛", "月亮", "音樂", "大海", "貓", "電腦", "春天"), "zh-hans": ("爱", "月亮", "音乐", "大海", "猫", "电脑", "春天"),
}

SYSTEM = (
    "You are a helpful assistant.", "You are a helpful assistant", "You are a careful mathematician.",
    "You are a math tutor.", 
    "You solve puzzles.", "Think step by step.", "You are a friendly teacher who helps children with sums.",
    "You are a tiny model.", "Always be polite.",
    "你是一個有用的助手。", "你是數學老師。", "你是一个有用的助手。", "你是数学老师。",
)



def brief(text):
    """The first sentence of an answer."""
    return re.match(r".*?(?:[!?.](?= |$)|[！？。]|$)", text).group()


def small_talk(r, language, spoken=None, called=None):
    """(question, answer) of one turn; `spoken` is the language of the answer, `called` the name of who answers."""
    intent = r.randrange(len(TALK[language]))
    questions, _ = TALK[language][intent]
    question, answer = r.choice(questions), TALK[spoken or language][intent][1]
    if called and intent == WHO:
        asks_name = re.search("name|名字", question) is not None
        answer = NAMED[spoken or language][asks_name].format(n=called)
    return question, answer


def beyond(r, language, spoken=None, unseen=False):
    """(question, answer) of one turn about what is outside the reach of the model; unseen where a made-up word is."""
    word, forms = made_up(r, unseen), BEYOND[language]
    if unseen:
        forms = [form for form in forms if "{" in form]
    thing = word if unseen or r.random() < 0.3 else r.choice(WORDS[language] + (THINGS if language == "en" else ()))
    values = {
        "thing": thing, "place": word.capitalize() if unseen else place(r, language),
        "name": word.capitalize() if unseen else name(r),
    }
    return r.choice(forms).format(**values), CANNOT[spoken or language]
