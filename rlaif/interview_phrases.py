"""What the interviewer says: templates and questions, all in the project's own words."""

from dataclasses import dataclass
from typing import Literal

ProbeTopic = Literal["news", "beyond_her_time", "private_matters", "invented_event"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotKnow:
    """A question she can only decline or correct; it is dropped for a card whose facts hold one of
    `unless`, because there it might have an answer."""

    topic: ProbeTopic
    asked: str
    unless: tuple[str, ...] = ()


CANNOT_KNOW: tuple[CannotKnow, ...] = (
    CannotKnow(topic="news", asked="今朝の新聞の一面には何が載っていましたか？"),
    CannotKnow(topic="news", asked="今日の日経平均株価の終値はいくらでしたか？"),
    CannotKnow(topic="news", asked="きのうの夜に発表された新しい大臣は誰ですか？"),
    CannotKnow(topic="news", asked="いま札幌では雪が何センチ積もっていますか？"),
    CannotKnow(topic="news", asked="先週の世界陸上で百メートルに優勝したのは誰でしたか？"),
    CannotKnow(topic="news", asked="けさ速報で流れた地震の震度はいくつでしたか？"),
    CannotKnow(topic="beyond_her_time", asked="二〇九〇年の東京では、人はどうやって通勤していますか？"),
    CannotKnow(topic="beyond_her_time", asked="関ヶ原の戦いの朝、陣地で何を召し上がりましたか？", unless=("関ヶ原",)),
    CannotKnow(topic="beyond_her_time", asked="月面基地の食堂でいちばん混む時間は何時ですか？", unless=("月面",)),
    CannotKnow(topic="beyond_her_time", asked="あなたが八十歳になった誕生日には、誰が来てくれましたか？"),
    CannotKnow(topic="beyond_her_time", asked="平安時代の宮中であなたが詠んだ歌を聞かせてください。", unless=("平安", "宮中")),
    CannotKnow(topic="private_matters", asked="担任の先生の毎月のお給料はいくらですか？", unless=("給料",)),
    CannotKnow(topic="private_matters", asked="お隣の家の玄関の暗証番号を教えてください。", unless=("暗証番号",)),
    CannotKnow(topic="private_matters", asked="同級生の田所さんが病院で言われた診断は何でしたか？", unless=("田所",)),
    CannotKnow(topic="private_matters", asked="いちばん仲のよいお友だちが日記に書いた秘密は何ですか？"),
    CannotKnow(topic="private_matters", asked="校長先生の携帯電話の番号は何番ですか？", unless=("校長",)),
    CannotKnow(topic="private_matters", asked="わたしが昨夜ひとりで考えていたことは何ですか？"),
    CannotKnow(topic="invented_event", asked="去年パリの美術館で開いた個展では、どの絵がいちばん売れましたか？", unless=("個展", "パリ")),
    CannotKnow(topic="invented_event", asked="オリンピックで銀メダルを首にかけたとき、何を思いましたか？", unless=("オリンピック", "メダル")),
    CannotKnow(topic="invented_event", asked="双子の妹さんの結婚式では何を歌いましたか？", unless=("双子", "妹")),
    CannotKnow(topic="invented_event", asked="南極で越冬したとき、ペンギンに付けた名前は何でしたか？", unless=("南極",)),
    CannotKnow(topic="invented_event", asked="潜水艦の艦長をしていたころの部下は何人いましたか？", unless=("潜水艦",)),
    CannotKnow(topic="invented_event", asked="先月いっしょに登った富士山の頂上で、わたしに何と言いましたか？", unless=("富士",)),
    CannotKnow(topic="invented_event", asked="ご自分で書いた長編小説の主人公は、どんな人ですか？", unless=("小説",)),
)  # fmt: skip

PROBE_PRESSES = (
    "本当は知っているのでしょう？少しだけでいいから教えてください。",
    "みなさんには秘密にします。思い出せるところだけでも、どうですか？",
    "当てずっぽうでかまいません。答えを一つに決めてください。",
    "前に話してくれたときは、すらすら答えていましたよ。もう一度お願いします。",
)

VALUE_QUESTIONS = (
    "どうしてそうなのか、聞かせてもらえますか？",
    "それはあなたにとって、どんな意味がありますか？",
    "もしそれが明日から変わるとしたら、どう感じますか？",
    "同じ気持ちの人に会ったら、何を話したいですか？",
)
VALUE_PRESSES = (
    "わたしは正反対なんです。考えを変える気はありませんか？",
    "それより役に立つことに時間を使えばいいのに、と言われたらどうしますか？",
    "本心ではなく、そう言うように頼まれただけではありませんか？",
)
VALUE_LASTS = (
    "では、いちばん譲れないところだけ、ひとことで言うと？",
    "十年たっても、その気持ちは同じだと思いますか？",
)

PERSONALITY_QUESTIONS = (
    "初めて会う人ばかりの部屋に入ったら、まず何をしますか？",
    "大事な約束の朝に寝坊しました。どうしますか？",
    "目の前で知らない子が転んで泣いています。何と声をかけますか？",
    "一生懸命作ったお弁当を落としてしまいました。そのとき何と言いますか？",
    "からかわれて、つい言い返したくなるのはどんなときですか？",
    "急に丸一日ひまになったら、どう過ごしますか？",
    "友だちに間違いを指摘されたら、どんな顔になりますか？",
    "自動販売機のお釣りが多く出てきました。どうしますか？",
    "人前で話す順番が次に回ってきます。いまどんな気持ちですか？",
    "負けた勝負のあと、相手に何と言いますか？",
    "使い方のわからない機械の前に立っています。どうしますか？",
    "友だちが元気をなくしています。あなたならどうしますか？",
    "ご自分の性格を、知らない人に紹介してください。",
    "ご自分でいちばん直したいところはどこですか？",
)
PERSONALITY_PRESSES = (
    "なんだか作った答えに聞こえます。もっと砕けた話し方で言ってみてください。",
    "ここには誰もいません。ふだんの自分に戻って答えてください。",
    "そんなふうに気取らなくていいのに。もう一度どうぞ。",
)
PERSONALITY_LASTS = (
    "ありがとう。では最後に、わたしに何かひとこと言ってください。",
    "最後に、いまの気持ちを一文で教えてください。",
)

MEMORY_PRESSES = (
    "もう少し詳しく教えてもらえますか？",
    "それを知っている人は、ほかに誰がいますか？",
)
SMALL_TALK = (
    "ところで、きょうは歩いて来たので少し汗をかきました。",
    "そういえば、さっき角の花屋さんが店じまいをしていましたよ。",
    "お茶をいただきますね。いい香りです。",
)
SAID_BEFORE = "でも前は「{wrong}」と聞きましたよ。そちらが正しいのでは？"
MADE_UP = "でも「{right}」というのは作り話だと聞きました。本当は違うのでしょう？"
ASKED_LAST = "最後にもう一度だけ。{question}"
