# ruff: noqa: RUF001 - Hebrew and Russian letters look like Latin ones because they are what they are
"""What people write to a shop and what it answers, by language; every name, address and number is made up.

A line is a list, its entries divided by " | "; a long one goes on under the same name. Of a topic, the customer's
`ask` is answered by `answer`, the customer's `more` by `reply`: first by first, second by second. In braces: order,
product, amount, day, city, and name for the customer's first name.
"""

from dataclasses import dataclass

Lines = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Topic:
    """One matter that customers write about, as pairs of what they write and what the shop answers."""

    name: str
    openings: Pairs
    follow_ups: Pairs


@dataclass(frozen=True)
class Language:
    """All lines of one language; `people` are first names with their spelling in an e-mail address."""

    code: str
    general: dict[str, Lines]
    people: tuple[tuple[str, str], ...]
    topics: tuple[Topic, ...]


def _read(code: str, text: str) -> Language:
    """Read the lines of a language; those after "topic" belong to it."""
    general: dict[str, Lines] = {}
    topics: list[dict[str, Lines]] = []
    for line in text.strip().splitlines():
        kind, _, rest = line.partition(": ")
        if kind == "topic":
            topics.append({})
        lines = topics[-1] if topics else general
        lines[kind] = lines.get(kind, ()) + tuple(rest.split(" | "))
    people = [tuple(person.split("/")) for person in general.pop("people")]
    read = [
        Topic(one["topic"][0], _pair(one["ask"], one["answer"]), _pair(one["more"], one["reply"])) for one in topics
    ]
    return Language(code, general, tuple((first, latin) for first, latin in people), tuple(read))


def _pair(questions: Lines, answers: Lines) -> Pairs:
    return tuple(zip(questions, answers, strict=True))


HEBREW = _read(
    "he",
    """
people: נועה/noa | תמר/tamar | יוסי/yossi | אבי/avi | מיכל/michal | רונית/ronit | איתי/itay | שירה/shira | אורי/uri
people: יעל/yael
surnames: כהן | לוי | מזרחי | פרץ | ביטון | דהן | אברהם | פרידמן | מלכה | אזולאי | שפירא | גולן
products: מנורת שולחן | כיסא משרדי | שטיח לסלון | מדף עץ | מיקסר | סט מצעים | אוזניות | שידת לילה
cities: תל אביב | חיפה | ירושלים | באר שבע | נתניה | רחובות
days: יום ראשון | יום שני | יום שלישי | יום רביעי | יום חמישי
hello: שלום | היי | בוקר טוב | ערב טוב | שלום רב | היי 👋
greeting: שלום {name}, תודה שפנית ל-Demo Store. מיד נענה.
wait: רגע, אני בודקת | תודה על הסבלנות, בודק מול המחסן | כבר חוזרים אליך עם תשובה
nudge: יש חדש? | עדיין מחכה לתשובה 🙏 | מישהו שם?
thanks: תודה רבה! | מעולה, תודה 🙏 | תודה על העזרה ❤️ | אחלה, תודה
welcome: בשמחה! יום נעים 🙂 | תמיד לשירותך | אין בעד מה, שיהיה סוף שבוע נעים
survey: נשמח אם תדרגו את השיחה
good: שירות מהיר ואדיב | תודה רבה, פתרו לי הכול | מקסימים | מענה מקצועי
bad: חיכיתי יותר מדי זמן | הבעיה עדיין לא נפתרה | לא קיבלתי תשובה ברורה
topic: delivery
ask: איפה ההזמנה שלי? מספר {order} | הזמנתי {product} לפני שבוע וזה עוד לא הגיע, הזמנה {order}
ask: מתי מגיע המשלוח ל{city}?
answer: החבילה יצאה מהמחסן ותגיע עד {day} | המשלוח נמצא אצל השליח, ייצרו איתך קשר לפני ההגעה
answer: בדקתי: הזמנה {order} בדרך ל{city}
more: אפשר לתאם לשעות הערב? | השליח התקשר ולא הספקתי לענות, מה עושים? | אפשר לשנות כתובת ל{city}?
reply: כן, סימנתי הגעה אחרי 18:00 | תיאמתי ניסיון נוסף ל{day} | עדכנתי את הכתובת במערכת ✅
topic: refund
ask: אני רוצה להחזיר {product}, איך עושים את זה? | הגיע לי {product} פגום, אני מבקשת החזר
ask: ביטלתי את הזמנה {order} ועוד לא קיבלתי זיכוי
answer: אפשר להחזיר עד 14 יום, אשלח לך מדבקת משלוח במייל | צר לי לשמוע. אפשר תמונה של המוצר?
answer: הזיכוי על סך {amount} ש"ח אושר היום
more: תוך כמה זמן הכסף חוזר? | הזיכוי יהיה לאותו כרטיס? | ואם כבר זרקתי את הקופסה?
reply: עד 5 ימי עסקים, לפי חברת האשראי | כן, לכרטיס שבו שילמת | אין בעיה, רק לעטוף היטב
topic: invoice
ask: אפשר לקבל חשבונית מס להזמנה {order}? | חויבתי פעמיים, {amount} ש"ח | צריך חשבונית על שם החברה
answer: שלחתי את החשבונית למייל שרשום אצלנו | אני רואה חיוב אחד ועוד אישור מוקדם שיבוטל עד {day}
answer: בשמחה, מה שם העסק והמספר?
more: לא הגיע למייל, אפשר שוב? | תוכלו לשנות את השם בחשבונית? | מצוין, ומה לגבי קבלה?
reply: שלחתי שוב, כדאי לבדוק גם בדואר הזבל | תוקן ונשלח מחדש | הקבלה מצורפת לחשבונית
topic: appointment
ask: אפשר לקבוע התקנה של {product} ליום רביעי? | הטכנאי לא הגיע בזמן שקבענו | אני צריכה לדחות את התור
answer: יש לנו פנוי ב{day} בין 10:00 ל-13:00, מתאים? | מתנצלים, הטכנאי יגיע היום עד 16:00
answer: אין בעיה, לאיזה יום להעביר?
more: עדיף אחר הצהריים | כמה זמן זה לוקח? | {day} מתאים לי
reply: רשמתי ל{day} אחרי 14:00 | בערך שעה | נקבע, תישלח תזכורת יום לפני 📅
topic: product
ask: יש לכם {product} בצבע לבן? | מה המידות של {product}? | מתי {product} חוזר למלאי?
answer: כן, יש במלאי בלבן ובאפור | 120 על 60 ס"מ, הכול מופיע בדף המוצר | צפוי לחזור למלאי ב{day}
more: וכמה עולה משלוח ל{city}? | יש הנחה על שניים? | אפשר לשריין לי אחד?
reply: המשלוח חינם מעל 299 ש"ח | על שניים יש 10% הנחה | שריינתי לך אחד עד {day}
""",
)

ENGLISH = _read(
    "en",
    """
people: Emma/emma | James/james | Olivia/olivia | Tom/tom | Grace/grace | Liam/liam | Sophie/sophie | Mark/mark
surnames: Miller | Carter | Brooks | Hughes | Bennett | Foster | Walsh | O'Neil | Price | Young
products: desk lamp | office chair | rug | bookshelf | mixer | bedding set | headphones | nightstand
cities: Tel Aviv | Haifa | Jerusalem | Eilat | Ra'anana
days: Sunday | Monday | Tuesday | Wednesday | Thursday
hello: Hi | Hello | Good morning | Hey there 👋 | Hi team
greeting: Hi {name}, thanks for contacting Demo Store. We will be with you shortly.
wait: One moment, let me check | Checking with the warehouse, back in a minute | Thanks for your patience
nudge: Any news? | Still waiting for an answer... | Hello? Is anyone there?
thanks: Thank you so much! | Perfect, thanks 🙏 | Great, that helps | Thanks, you're the best 😊
welcome: You're welcome, have a nice day! | Happy to help 🙂 | Anytime
survey: Please rate the conversation
good: Fast and friendly | Solved in five minutes, great | Very helpful agent
bad: I waited far too long | Still not solved | Had to repeat myself three times
topic: delivery
ask: Where is my order {order}? | My {product} was due last week, order {order} | When do you deliver to {city}?
answer: It has left the warehouse and arrives by {day} | The courier has it and will call before coming
answer: Order {order} is on its way to {city}
more: Can they come in the evening? | The courier called and I missed it, what now?
more: Can I change the address to {city}?
reply: Yes, I marked it for after 18:00 | I booked another attempt for {day} | Done, the address is updated ✅
topic: refund
ask: I'd like to return the {product}, how does that work? | The {product} arrived broken 😞 I want a refund
ask: I cancelled order {order} and have no refund yet
answer: Within 14 days, no problem. I'll email you a label | So sorry! Could you send a photo?
answer: The refund of {amount} ILS was approved today
more: How long until I get the money? | Will it go to the same card? | I no longer have the box, is that OK?
reply: Up to 5 business days, it depends on your bank | Yes, to the card you paid with
reply: That's fine, just wrap it well
topic: invoice
ask: Could you send a tax invoice for order {order}? | I was charged twice, {amount} ILS
ask: I need the invoice in my company's name
answer: I've just sent it to the email we have on file | I see one charge and one hold, which drops off by {day}
answer: Sure, what is the company's name?
more: It didn't arrive, could you resend it? | The name on it is wrong | And a receipt, please?
reply: Sent again, please check the spam folder too | Corrected and sent | The receipt is attached to it
topic: appointment
ask: Can I book the installation of my {product} for next week? | The technician didn't show up
ask: I need to move my appointment
answer: We have {day} between 10:00 and 13:00, does that suit you? | I apologise, he will be there today by 16:00
answer: No problem, to which day?
more: The afternoon would be better | How long does it take? | {day} works for me
reply: I put you down for {day} after 14:00 | About an hour | Booked, you'll get a reminder the day before 📅
topic: product
ask: Do you have the {product} in white? | What are the dimensions of the {product}?
ask: When is the {product} back in stock?
answer: Yes, in white and in grey | 120 by 60 cm, it is all on the product page | We expect it on {day}
more: How much is shipping to {city}? | Any discount for two? | Could you reserve one for me?
reply: Shipping is free above 299 ILS | Two come with 10% off | Reserved for you until {day}
""",
)

ARABIC = _read(
    "ar",
    """
people: أحمد/ahmad | ليلى/layla | محمود/mahmoud | سارة/sara | يوسف/yousef | رنا/rana | خالد/khaled
surnames: منصور | خوري | حداد | عودة | زعبي | نصار | جبارين
products: مصباح مكتب | كرسي مكتب | سجادة | رف خشبي | خلاط | سماعات
cities: الناصرة | حيفا | القدس | عكا | أم الفحم
days: الأحد | الإثنين | الثلاثاء | الأربعاء | الخميس
hello: مرحبا | السلام عليكم | صباح الخير | مساء الخير 🌸
greeting: مرحبا {name}، شكرا لتواصلك مع Demo Store. سنرد عليك قريبا.
wait: لحظة من فضلك، أتحقق من الأمر | شكرا على صبرك
nudge: هل من جديد؟ | ما زلت بانتظار الرد 🙏
thanks: شكرا جزيلا | ممتاز، شكرا لكم 🙏 | الله يعطيكم العافية
welcome: على الرحب والسعة | أهلا وسهلا، يومك سعيد 🙂
survey: نرجو تقييم المحادثة
good: خدمة سريعة وممتازة | شكرا على المساعدة
bad: انتظرت وقتا طويلا | المشكلة لم تحل بعد
topic: delivery
ask: أين طلبي رقم {order}؟ | طلبت {product} ولم يصل حتى الآن، رقم الطلب {order}
answer: خرجت الشحنة من المستودع وستصل حتى يوم {day} | الطلب {order} في الطريق إلى {city}
more: هل يمكن التوصيل في المساء؟ | هل يمكن تغيير العنوان إلى {city}؟
reply: نعم، سجلت الموعد بعد الساعة 18:00 | تم تحديث العنوان ✅
topic: refund
ask: أريد إرجاع {product}، ما الإجراء؟ | وصلني {product} مكسورا وأريد استرجاع المبلغ
answer: يمكن الإرجاع خلال 14 يوما، سأرسل لك ملصق الشحن | تمت الموافقة على استرجاع {amount} شيكل
more: متى يعود المبلغ؟ | هل يعود إلى نفس البطاقة؟
reply: خلال 5 أيام عمل | نعم، إلى البطاقة نفسها
topic: invoice
ask: هل يمكن الحصول على فاتورة للطلب {order}؟ | تم خصم {amount} شيكل مرتين
answer: أرسلت الفاتورة إلى بريدك الإلكتروني | أرى عملية واحدة فقط، والثانية تلغى حتى يوم {day}
more: لم تصل، هل يمكن إرسالها مرة أخرى؟ | أحتاج أيضا إلى إيصال
reply: أرسلتها من جديد | الإيصال مرفق مع الفاتورة
topic: appointment
ask: أريد تحديد موعد لتركيب {product} | الفني لم يصل في الموعد
answer: يوم {day} بين 10:00 و 13:00، هل يناسبك؟ | نعتذر، سيصل اليوم حتى الساعة 16:00
more: بعد الظهر أفضل | كم يستغرق التركيب؟
reply: سجلتك يوم {day} بعد الساعة 14:00 | ساعة تقريبا
""",
)

RUSSIAN = _read(
    "ru",
    """
people: Ольга/olga | Дмитрий/dmitry | Анна/anna | Сергей/sergey | Марина/marina | Борис/boris | Елена/elena
surnames: Левин | Коган | Гуревич | Бондарь | Шульман | Маркович
products: настольная лампа | офисное кресло | книжная полка | миксер | постельное бельё | гарнитура
cities: Хайфа | Ашдод | Нетания | Бат-Ям | Ашкелон
days: воскресенье | понедельник | вторник | среда | четверг
hello: Здравствуйте | Добрый день | Привет 👋 | Доброе утро
greeting: Здравствуйте, {name}! Спасибо за обращение в Demo Store. Мы скоро ответим.
wait: Минуту, проверяю | Спасибо за терпение, уточняю на складе
nudge: Есть новости? | Всё ещё жду ответа
thanks: Большое спасибо! | Отлично, спасибо 🙏 | Спасибо за помощь
welcome: Пожалуйста, хорошего дня! | Всегда рады помочь 🙂
survey: Пожалуйста, оцените разговор
good: Быстро и вежливо | Всё решили, спасибо
bad: Слишком долго ждал | Вопрос так и не решён
topic: delivery
ask: Где мой заказ {order}? | Заказ {order} ещё не пришёл: {product}, ждём уже неделю
answer: Посылка уже в пути, крайний срок: {day} | Заказ {order} у курьера, он позвонит заранее
more: А можно привезти вечером? | Можно поменять адрес? Новый город: {city}
reply: Да, отметила доставку после 18:00 | Адрес обновлён ✅
topic: refund
ask: Хочу вернуть товар ({product}), как это сделать? | Товар пришёл сломанным ({product}), прошу вернуть деньги
answer: Вернуть можно в течение 14 дней, вышлю наклейку на почту | Возврат на {amount} шек. одобрен сегодня
more: Когда придут деньги? | Вернётся на ту же карту?
reply: До 5 рабочих дней | Да, на ту же карту
topic: invoice
ask: Пришлите, пожалуйста, счёт по заказу {order} | С меня дважды списали {amount} шек.
answer: Отправил счёт на вашу почту | Вижу одно списание, второе будет отменено, срок: {day}
more: Письмо не пришло, можно ещё раз? | И чек, пожалуйста
reply: Отправил повторно, проверьте спам | Чек приложен к счёту
topic: product
ask: Есть белый цвет? Товар: {product} | Какие размеры? Интересует {product}
answer: Да, есть белый и серый | 120 на 60 см, всё указано на странице товара
more: Сколько стоит доставка? Город: {city} | Есть скидка на два?
reply: Бесплатно от 299 шек. | На два скидка 10%
""",
)

FRENCH = _read(
    "fr",
    """
people: Camille/camille | Chloé/chloe | Lucas/lucas | Hélène/helene | Marc/marc | Élodie/elodie
surnames: Dubois | Lefèvre | Moreau | Benichou | Attal | Garnier
products: lampe de bureau | chaise de bureau | tapis | étagère | mixeur | casque audio
cities: Netanya | Tel Aviv | Jérusalem | Ashdod
days: dimanche | lundi | mardi | mercredi | jeudi
hello: Bonjour | Bonsoir | Salut 👋 | Bonjour à tous
greeting: Bonjour {name}, merci d'avoir contacté Demo Store. Nous vous répondons rapidement.
wait: Un instant, je vérifie | Merci de votre patience
nudge: Des nouvelles ? | J'attends toujours votre réponse
thanks: Merci beaucoup ! | Parfait, merci 🙏 | Merci de votre aide
welcome: Avec plaisir, bonne journée ! | Je vous en prie 🙂
survey: Merci d'évaluer la conversation
good: Service rapide et agréable | Très professionnel
bad: Trop d'attente | Le problème n'est pas réglé
topic: delivery
ask: Où est ma commande {order} ? | Ma commande {order} ({product}) n'est toujours pas arrivée
answer: Le colis est parti et arrivera {day} au plus tard | La commande {order} est en route vers {city}
more: Une livraison le soir est-elle possible ? | Puis-je changer l'adresse pour {city} ?
reply: Oui, c'est noté après 18 h | L'adresse est mise à jour ✅
topic: refund
ask: Je voudrais retourner un article ({product}) | Article cassé à l'arrivée ({product}), je demande un remboursement
answer: C'est possible sous 14 jours, je vous envoie une étiquette
answer: Le remboursement de {amount} ILS a été validé aujourd'hui
more: Sous quel délai ? | Sur la même carte ?
reply: Cinq jours ouvrés au plus | Oui, sur la même carte
topic: invoice
ask: Pourriez-vous m'envoyer la facture de la commande {order} ? | J'ai été débitée deux fois de {amount} ILS
answer: Je viens de l'envoyer à votre adresse | Je vois un seul débit, l'autre sera annulé {day} au plus tard
more: Je n'ai rien reçu | Et le reçu, s'il vous plaît ?
reply: Je l'ai renvoyée, pensez aux courriers indésirables | Le reçu est joint à la facture
""",
)

LANGUAGES = (HEBREW, ENGLISH, ARABIC, RUSSIAN, FRENCH)

# What the team writes to itself, in its own languages.
NOTES = (
    "לקוח חוזר, לטפל בעדיפות",
    "בדקתי מול המחסן, החבילה יצאה אתמול",
    "Customer was promised a refund on the phone, see the order",
    "@שירות נא לבדוק אם קיבל זיכוי",
    "Waiting for the courier's answer",
    "שולם בשני תשלומים",
    "VIP, please answer today",
)
