"""Small documents in two languages, and what people ask about them: with an answer in them, and without one.

An answer is known by words of the sentence that gives it. Near misses ask for what the documents could well say and do
not: most of their words stand there.
"""

from __future__ import annotations

LIGHTHOUSE = """The lighthouse of Sandhagen

Work on the tower began in 1899, after three ships had been lost on the reef in one winter. The light was first lit on \
14 March 1902. The tower is 38 metres high and stands on bare rock. It is built of granite from the quarry at Lomvik.

Halvor Berg was the first keeper. He stayed for nineteen years and kept a diary of the weather. His daughter Ingrid \
took over from him. She is said to have rowed out to the wreck of the Fortuna in a storm, and brought back eleven men.

The lamp burned paraffin until the tower was connected to the mains. That happened in 1958. Since 1987 nobody has \
lived there; a computer in the harbour office switches the light. Visitors may climb the 164 steps on Saturdays \
between May and September. The entrance fee is 60 kroner, and children under twelve pay nothing.
"""

TRAVEL = """Travel policy

Employees book trains and flights through the travel desk. Flights are allowed when the journey by train takes longer \
than six hours. Business class needs the written consent of the head of department.

A hotel may cost up to 140 euros a night, breakfast included. In London and Zurich the limit is 210 euros. Whoever \
stays with friends gets 25 euros a night instead.

Expenses are claimed within thirty days after the end of the trip. Receipts are photographed and sent with the form. \
Claims that arrive later are not paid. Private cars are paid at 30 cents a kilometre. Fines for parking or speeding \
are never paid back.

Lost luggage is reported to the carrier at once. The insurance covers up to 1500 euros for each bag.
"""

ROUTER = """# Setting up the router

Connect the grey cable to the port marked WAN. The lamp turns from orange to green when the line is up; this can take \
four minutes.

## Passwords

The password of the wireless network is printed on the underside. To go back to the factory settings, hold the small \
button beside the power socket for ten seconds. All settings are lost then.

## Lamps

| Lamp | Colour | Meaning |
|---|---|---|
| Power | green | The device is on |
| Line | orange | Looking for a signal |
| Line | green | Connected |
| Alarm | red | The device is too hot |

## What you need

For the installation you need:

- a telephone socket
- the grey cable from the box
- a laptop or a telephone
"""

# The page tells its year in the title; the links name others.
MINUTES = """# Summary of the town council, spring 2021

This page sums up what was decided. For last year see the [Summary of the year 2019](https://council.example/2019/summary).

The swimming pool is closed for repairs until autumn. The library gets two new rooms. A new bridge across the Alm was \
turned down by nine votes to four.

More: [all summaries by year](https://council.example/archive/2017-2020)
"""  # noqa: E501

LIGHTHOUSE_ZH = """沙湾灯塔

灯塔的建造始于1899年，因为那年冬天有三艘船在礁石上沉没。1902年3月14日，灯第一次点亮。塔高三十八米，建在光秃秃的岩石上。\
石料来自罗湾的采石场。

第一任守塔人是贺伯格。他在这里住了十九年，每天写天气日记。后来他的女儿英格丽接替了他。据说她曾在暴风雨中划船救回十一个人。

从前灯用煤油，1958年接上了电网。1987年以后没有人住在塔里，由港口办公室的计算机控制。五月到九月的星期六，游客可以登上164级台阶。\
门票六十克朗，十二岁以下儿童免费。
"""

TRAVEL_ZH = """差旅规定

员工通过差旅处预订火车票和机票。火车行程超过六小时才可以坐飞机。商务舱需要部门负责人书面同意。

酒店每晚不超过一百四十欧元，含早餐。在伦敦和苏黎世，上限是二百一十欧元。住在朋友家的，每晚补贴二十五欧元。

报销申请须在出差结束后三十天内提交。收据拍照后与表格一起寄出。逾期的申请不予支付。私家车每公里补贴三角。停车罚款和超速罚款一律不报销。

行李丢失应立即向承运人报告。保险对每件行李最多赔偿一千五百欧元。
"""

MINUTES_ZH = """市议会2021年春季总结

本页总结了会议决定。去年的情况请看[2019年总结](https://council.example/2019/summary)。

游泳馆因维修关闭到秋天。图书馆增加两个房间。横跨阿尔姆河的新桥以九票对四票被否决。
"""

# Written after everything was tuned; asked to see how others would fare.
BEES = """Keeping bees in the allotments

Every hive must be registered with the district office before the first of April. Registration is free of \
charge. The form asks for the number of colonies and the name of the keeper.

Hives stand at least five metres from a path. Their entrances face away from the neighbours. A source of water \
is needed within fifty metres, because bees fly to garden ponds otherwise.

The honey belongs to the keeper. It may be sold at the summer fair without a licence, up to twenty kilos. Jars \
carry the keeper's address and the year of harvest.

Swarms are reported to Mrs Okafor, telephone 0117 4960. She keeps empty boxes in the shed behind the tool \
library. Anyone who is stung and feels dizzy calls an ambulance first.

Foulbrood was found in two hives in 2018; both were burned. Since then an inspector comes each May. Colonies \
that show signs of disease are moved to the quarantine field.
"""

BEES_ZH = """社区菜园养蜂规定

每个蜂箱必须在四月一日之前到区办公室登记。登记免费。表格上要填写蜂群数量和养蜂人姓名。

蜂箱离小路至少五米。出口不能朝向邻居。五十米之内要有水源，否则蜜蜂会飞到花园的池塘去。

蜂蜜归养蜂人所有。夏季集市上不需要许可证就可以出售，最多二十公斤。瓶子上要写养蜂人的地址和收获年份。

发现分蜂请报告欧女士，电话01174960。她在工具房后面的棚子里放着空箱。被蜇后头晕的人先叫救护车。

2018年在两个蜂箱里发现了腐蛆病，两个都烧掉了。从那以后检查员每年五月来一次。有病的蜂群要搬到隔离区。
"""

# Written, with their questions, before near misses were told apart by the kind of figure.
LIBRARY = """House rules of the town library

The library opens at nine in the morning and closes at seven in the evening; on Saturdays it closes at two. It is \
closed on Sundays and public holidays.

A card is issued to anybody who lives in the district. Adults pay 18 euros a year; pupils and students pay half. A \
lost card is replaced for four euros.

Books may be kept for four weeks and films for one week. A loan can be extended twice unless somebody else has \
reserved the item. Whoever brings something back late pays twenty cents a day for each item. After three reminders \
the card is blocked.

Reference works and newspapers are read in the reading room only. Food is not allowed there, but water in closed \
bottles is. Telephones are to be silent.

The meeting room on the second floor holds thirty people. It is rented by the hour through the front desk, and clubs \
of the town use it without payment. The projector has to be asked for two days before.

Mrs Lindqvist has been head of the library since 2016. Her deputy is Tom Aldous.
"""

BOILER = """Manual of the boiler KX-20

Before the first start, open the valve at the bottom until water flows from the tap in the bathroom. The pressure \
must lie between 1.2 and 1.8 bar. If it falls below 1 bar, the boiler switches off and the display shows E4.

To change the hour of the night setback, press MENU for five seconds and turn the knob. The boiler remembers the \
setting when there is a power cut.

The filter is cleaned once a year, best in August. Close both valves, unscrew the cap and rinse the filter under \
cold water. Never use soap.

A smell of gas means danger. Do not touch any switch, open the windows and call the emergency line from outside the \
house.

The warranty covers the heat exchanger for ten years and all other parts for two. It ends when somebody without a \
licence opens the casing. Spare parts are ordered from the dealer in Bergen.
"""

LIBRARY_ZH = """市图书馆使用规则

图书馆早上九点开门，晚上七点关门，星期六下午两点关门。星期日和节假日不开放。

住在本区的人都可以办借书证。成人每年交十八欧元，学生交一半。丢失的借书证补办费为四欧元。

图书可以借四个星期，电影可以借一个星期。没有别人预约时可以续借两次。逾期归还的，每件每天罚二十分。提醒三次之后借书证会被停用。

工具书和报纸只能在阅览室看。阅览室里不能吃东西，可以喝瓶装水。手机要调成静音。

二楼的会议室可以坐三十个人，在前台按小时租用，本市的社团不用付钱。投影仪要提前两天申请。

林女士从2016年起担任馆长，副馆长是陶先生。
"""

BOILER_ZH = """KX-20锅炉说明书

第一次启动之前，打开底部的阀门，直到浴室的水龙头出水。压力应在1.2到1.8巴之间。低于1巴时锅炉自动关闭，屏幕显示E4。

要修改夜间降温的时间，按住菜单键五秒，再转动旋钮。停电后锅炉会记住设置。

过滤器每年清洗一次，最好在八月。关上两个阀门，拧下盖子，用冷水冲洗过滤器。不要用肥皂。

闻到煤气味就有危险。不要碰任何开关，打开窗户，到屋外打急救电话。

换热器保修十年，其他零件保修两年。没有执照的人打开外壳后，保修失效。零件向卑尔根的经销商订购。
"""

DOCUMENTS = {
    "lighthouse.txt": LIGHTHOUSE,
    "travel.txt": TRAVEL,
    "router.md": ROUTER,
    "minutes.md": MINUTES,
    "灯塔.txt": LIGHTHOUSE_ZH,
    "差旅.txt": TRAVEL_ZH,
    "年报.md": MINUTES_ZH,
    "bees.txt": BEES,
    "养蜂.txt": BEES_ZH,
    "library.txt": LIBRARY,
    "boiler.txt": BOILER,
    "图书馆.txt": LIBRARY_ZH,
    "锅炉.txt": BOILER_ZH,
}

ENGLISH = (
    ("When was the light first lit?", "14 March 1902"),
    ("When did work on the lighthouse begin?", "began in 1899"),
    ("How high is the lighthouse?", "38 metres"),
    ("How tall is the tower?", "38 metres"),
    ("What is the lighthouse built of?", "granite"),
    ("Who was the first keeper?", "Halvor Berg"),
    ("How long did the first keeper stay?", "nineteen years"),
    ("Who rescued sailors from the wreck of the Fortuna?", "rowed out"),
    ("What fuel did the lamp use before it had electricity?", "paraffin"),
    ("What does it cost to visit the lighthouse?", "60 kroner"),
    ("How many steps are there?", "164 steps"),
    ("In which year did the lighthouse get electricity?", "1958"),
    ("When may I take a plane?", "longer than six hours"),
    ("How much may a hotel cost?", "140 euros"),
    ("What is the hotel limit in London?", "210 euros"),
    ("By when must expenses be claimed?", "thirty days"),
    ("Do I get money back for a speeding ticket?", "never paid back"),
    ("How much is paid for each kilometre with my own car?", "30 cents"),
    ("Who has to agree to business class?", "head of department"),
    ("How much does the insurance pay for lost luggage?", "1500 euros"),
    ("Where do I find the wifi password?", "underside"),
    ("How do I reset the router to factory settings?", "ten seconds"),
    ("What does a red alarm lamp mean?", "too hot"),
    ("What do I need for the installation?", "telephone socket"),
    ("What year is this summary from?", "spring 2021"),
    ("Was the new bridge approved?", "nine votes"),
    ("How long is the swimming pool closed?", "until autumn"),
)

ENGLISH_UNANSWERABLE = (
    "What is the capital of Mongolia?",
    "How much does a quantum computer cost?",
    "Which recipe needs saffron and rice?",
    "Who won the chess championship?",
    "How do I renew my passport?",
    "What is the melting point of titanium?",
    "Which vaccine does a kitten need?",
    "Who composed the opera about the miller?",
    "How do I prune an apple tree?",
    "Why do volcanoes erupt?",
    "How is the tax return filled in?",
    "What did the shareholders earn?",
)

CHINESE = (
    ("灯是哪一年第一次点亮的？", "1902年3月14日"),
    ("灯塔什么时候开始建造？", "1899年"),
    ("灯塔有多高？", "三十八米"),
    ("第一任守塔人是谁？", "贺伯格"),
    ("石料来自哪里？", "罗湾"),
    ("灯塔哪年接上电网？", "1958年"),
    ("门票多少钱？", "六十克朗"),
    ("台阶有多少级？", "164级"),
    ("谁在暴风雨中救了人？", "十一个人"),
    ("商务舱需要谁同意？", "部门负责人"),
    ("酒店每晚最多多少钱？", "一百四十欧元"),
    ("伦敦的酒店上限是多少？", "二百一十欧元"),
    ("报销申请要在多少天内提交？", "三十天"),
    ("超速罚款可以报销吗？", "一律不报销"),
    ("私家车每公里补贴多少？", "三角"),
    ("行李丢失怎么办？", "立即向承运人报告"),
    ("什么时候可以坐飞机？", "超过六小时"),
    ("这份总结是哪一年的？", "2021年春季"),
    ("新桥通过了吗？", "否决"),
    ("游泳馆关闭到什么时候？", "秋天"),
)

CHINESE_UNANSWERABLE = (
    "蒙古的首都是哪里？",
    "量子计算机多少钱？",
    "藏红花米饭怎么做？",
    "谁赢得了象棋比赛？",
    "护照怎么续签？",
    "钛的熔点是多少？",
    "小猫需要打什么疫苗？",
    "苹果树怎么修剪？",
    "火山为什么会爆发？",
    "个人所得税怎么申报？",
    "股东分红是多少？",
)

ENGLISH_NEAR_MISSES = (
    "Who painted the lighthouse?",
    "How much does the keeper earn?",
    "How long is the new bridge?",
    "What is the name of the head of department?",
    "Which hotel in Paris has a swimming pool?",
    "How heavy is the router?",
    "Who was the architect of the lighthouse?",
    "What does the blue lamp mean?",
    "How many books does the library hold?",
    "How much may a taxi cost?",
    "Which airline carries the travel desk's employees?",
    "What did the ship Aurora carry?",
)

CHINESE_NEAR_MISSES = (
    "灯塔是谁设计的？",
    "守塔人的工资是多少？",
    "新桥有多长？",
    "部门负责人叫什么名字？",
    "图书馆有多少本书？",
    "出租车费用可以报销多少？",
    "游泳馆门票多少钱？",
    "灯塔用了多少水泥？",
    "巴黎的酒店上限是多少？",
    "采石场什么时候关闭？",
)

HELD_OUT_ENGLISH = (
    ("By when do I have to register a hive?", "first of April"),
    ("What does registration cost?", "free of charge"),
    ("How far from a path must hives stand?", "five metres"),
    ("How much honey can be sold at the fair?", "twenty kilos"),
    ("Who do I call about a swarm?", "Okafor"),
    ("Where are the empty boxes?", "tool library"),
    ("When does the inspector visit?", "each May"),
    ("What happened to the hives with foulbrood?", "burned"),
    ("What must be written on the jars?", "year of harvest"),
    ("Do bees need water nearby?", "fifty metres"),
)

HELD_OUT_CHINESE = (
    ("蜂箱要在什么时候之前登记？", "四月一日"),
    ("登记要多少钱？", "免费"),
    ("蜂箱离小路多远？", "五米"),
    ("集市上最多可以卖多少蜂蜜？", "二十公斤"),
    ("发现分蜂应该联系谁？", "欧女士"),
    ("空箱放在哪里？", "棚子"),
    ("检查员什么时候来？", "五月"),
    ("得了腐蛆病的蜂箱怎么处理了？", "烧掉"),
    ("瓶子上要写什么？", "收获年份"),
    ("附近需要有水吗？", "五十米"),
)

LATER_ENGLISH = (
    ("When does the library close on Saturday?", "closes at two"),
    ("What does a card cost for adults?", "18 euros"),
    ("How long can I keep a film?", "one week"),
    ("What do I pay when I bring a book back late?", "twenty cents"),
    ("May I drink in the reading room?", "closed bottles"),
    ("How many people fit into the meeting room?", "thirty people"),
    ("Who is in charge of the library?", "Lindqvist"),
    ("Do clubs have to pay for the room?", "without payment"),
    ("What pressure should the boiler have?", "1.2 and 1.8"),
    ("What does E4 mean?", "falls below 1 bar"),
    ("How often must the filter be cleaned?", "once a year"),
    ("What should I do when I smell gas?", "open the windows"),
    ("How long is the warranty on the heat exchanger?", "ten years"),
    ("Where can I get spare parts?", "dealer in Bergen"),
    ("Does a power cut delete the settings?", "remembers"),
    ("How often can a loan be renewed?", "twice"),
)

LATER_CHINESE = (
    ("图书馆星期六几点关门？", "两点"),
    ("成人办借书证要多少钱？", "十八欧元"),
    ("电影可以借多久？", "一个星期"),
    ("书还晚了要罚多少？", "二十分"),
    ("阅览室里能喝水吗？", "瓶装水"),
    ("会议室能坐多少人？", "三十个人"),
    ("馆长是谁？", "林女士"),
    ("社团用会议室要付钱吗？", "不用付钱"),
    ("锅炉的压力应该是多少？", "1.2到1.8"),
    ("屏幕显示E4是什么意思？", "低于1巴"),
    ("过滤器多久清洗一次？", "每年"),
    ("闻到煤气味怎么办？", "打开窗户"),
    ("换热器保修几年？", "十年"),
    ("零件在哪里买？", "卑尔根"),
    ("停电以后设置会丢吗？", "记住"),
    ("一本书可以续借几次？", "两次"),
)

LATER_ENGLISH_NEAR_MISSES = (
    "Who designed the library?",
    "How many books can I borrow at once?",
    "What does the card for a dog cost?",
    "When was the library founded?",
    "How high is the ceiling of the meeting room?",
    "Who cleans the reading room?",
    "Which newspapers does the library have?",
    "What is the salary of Mrs Lindqvist?",
    "How much does the projector weigh?",
    "What does E7 mean?",
    "How heavy is the boiler?",
    "How much gas does the boiler use in a year?",
    "What colour is the casing?",
    "Where is the boiler manufactured?",
    "How many litres does the boiler hold?",
    "Which soap is best for the filter?",
)

LATER_CHINESE_NEAR_MISSES = (
    "图书馆是谁设计的？",
    "一次最多可以借几本书？",
    "图书馆是哪一年建的？",
    "会议室的天花板有多高？",
    "谁负责打扫阅览室？",
    "图书馆订了哪些报纸？",
    "馆长的工资是多少？",
    "投影仪有多重？",
    "显示E7是什么意思？",
    "锅炉有多重？",
    "锅炉一年用多少煤气？",
    "外壳是什么颜色的？",
    "锅炉是在哪里生产的？",
    "锅炉能装多少升水？",
    "用哪种肥皂洗过滤器最好？",
    "上海的图书馆几点开门？",
)
