import { expect, it } from 'vitest'
import { isWeakPassword } from './weak-password.ts'

const about = ['ada.lovelace@mail.example.com', 'Ada Lovelace', 'Analytical Engines Ltd.', '田中 さくら']

const refused: Readonly<Record<string, readonly string[]>> = {
  'a common password': [
    ...[
      'password',
      'PassWord',
      '12345678',
      '123456789',
      'letmein!!!',
      'iloveyou',
      'trustno1',
      'monkey123456',
      'dragon99',
    ],
    ...['sunshine1', 'princess!', 'football2026!', 'superman12', 'baseball7', 'starwars77', 'whatever!', 'liverpool1'],
  ],
  'a common password with additions': [
    ...['password-123', 'Password1!', '123password', 'Password123!', 'P@ssw0rd2026!', '!!!!dragon!!!!', 'Welcome1!'],
    ...[
      'Admin123!',
      'Aa123456!',
      'Qwerty123!',
      'changeme1!',
      'Chocolate1!',
      'michael1985',
      'Jessica2010!',
      'Test1234!',
    ],
  ],
  'a row of letters or keys': [
    ...['abcdefgh', 'ABCDEFGH', 'hgfedcba', 'abcdefghijklmnop', 'acegikmo', 'zyxwvuts', 'qwertyuiop', 'poiuytrewq'],
    ...['asdfghjkl', 'zxcvbnm,./', 'qwertzuiop', 'yxcvbnm,', 'azertyuiop', 'qsdfghjklm', 'wxcvbn,;:', '1qaz2wsx'],
    ...[
      'zaq12wsx',
      '1q2w3e4r5t',
      'q1w2e3r4t5',
      'qazwsxedc',
      '!QAZ2wsx',
      '!@#$%^&*',
      '147258369',
      '789456123',
      'aoeuidhtns',
    ],
    ...['йцукенгш', 'фывапролд', 'абвгдежз', 'αβγδεζηθ', 'qweasdzxc', 'asdf1234', 'poiu0987', '12345qwert'],
  ],
  'a date or a number': [
    ...[
      '19900101',
      '01011990',
      '10121985',
      '31121999',
      '12311999',
      '1990-01-01',
      '31.12.1985',
      '12/31/1985',
      '1.1.1990',
    ],
    ...[
      '19853112',
      '85-12-31!',
      '2026-11-28',
      '28 11 2026',
      '20000229',
      '83916274',
      '11223344',
      '88888888',
      '00000000',
    ],
    ...['٠١٠١١٩٩٠', '１９９００１０１', '14. März 1992', '3 mars 1987', 'enero2001', '1945194519451945', '20252026'],
  ],
  'a word with separators': [
    ...['p a s s w o r d', 'p.a.s.s.w.o.r.d', 'p-a-s-s-w-o-r-d-1', 'pass-word', 'p_a_s_s_w_o_r_d', 'd.r.a.g.o.n.1'],
    ...[
      'q w e r t y u i',
      '1-2-3-4-5-6-7-8',
      'a b c d e f g h',
      'mot de passe',
      'l e t m e i n',
      'p\u200Ba\u200Bs\u200Bs\u200Bword',
    ],
  ],
  'a reversed word': [
    'drowssap',
    'drowssap123',
    'DROWSSAP!',
    'rettiwt1',
    'nogard2026',
    'llabtoof',
    'ecalevol1',
    'etartsppa',
  ],
  'look-alikes': [
    ...[
      'раssword',
      'pаsswоrd',
      'раѕѕwоrd1',
      'pαsswοrd',
      'ρassword',
      'ｐａｓｓｗｏｒｄ',
      'ⓟⓐⓢⓢⓦⓞⓡⓓ',
      'pásswörd',
      'p̃assword',
    ],
    ...['ᴘᴀꜱꜱᴡᴏʀᴅ', '𝓹𝓪𝓼𝓼𝔀𝓸𝓻𝓭', 'ԛwеrtу123', 'зфыыцщкв', 'drаgоn2026'],
  ],
  'digits and symbols for letters': [
    ...['p@ssw0rd', 'P@$$w0rd', 'p455w0rd', 'pa55word!', '1l0v3y0u', 'f00tb4ll', 'dr@g0n99', 'm0nk3y123', '@dm1n1234'],
    ...['$un$hine', 'sup3rm4n', 'w3lc0m3!', 'l3tm31n!', 'pr1nc3ss', 'P@55w0rd!!', 'ch4ng3m3'],
  ],
  'a repetition': [
    ...['passwordpassword', 'abcabcabc', 'abcabcabcabc', 'aaaaaaaaaa', 'aaaaaaaaaa1', 'ababababab', 'xyzxyzxyzxyz'],
    ...[
      'password password',
      'dragondragon1',
      'lovelovelove',
      'ppaasssswwoorrdd',
      'aabbccddeeff',
      '12121212',
      'qwqwqwqw',
    ],
    ...['password'.repeat(16), '👍👍👍👍👍👍', 'ñañañaña', '!!!!!!!!!!'],
  ],
  "the user's name, address, organization or product": [
    ...[
      'Lovelace1815',
      'adalovelace',
      'Adalovelace1',
      'lovelace.ada',
      'LovelaceAda!',
      '4d4l0v3l4c3',
      'ada.lovelace',
      'Ada12345',
    ],
    ...[
      'ada.lovelace@mail.example.com',
      'example.com',
      'mail.example1',
      'analytical1',
      'AnalyticalEngines',
      'engines2026!',
    ],
    ...[
      'Appstrate',
      'appstrate2026',
      '@ppstr4te',
      'my-appstrate',
      'lovelace.appstrate1',
      'Appstrate123!',
      '田中さくら1',
      '田中田中2026',
    ],
  ],
  'a season, a day or a month with a year': [
    ...[
      'Summer2026!',
      'Winter2025',
      'Spring2026',
      'Autumn2026!',
      'Sommer2026!',
      'Herbst2025!',
      'Januar2026',
      'Monday123!',
    ],
    ...[
      'Verano2026',
      'été2026!!',
      'Automne2025',
      'Estate2026!',
      'Zomer2026!',
      'Vinter2026',
      'Лето2026!',
      'Invierno2026',
    ],
    ...['November2026', 'Dienstag1!', 'Vendredi13', 'Październik1', 'Понедельник1', '2026Summer!'],
  ],
  'common in another language': [
    ...['Passwort123', 'passwort', 'Willkommen1', 'hallo123', 'schatzi1', 'motdepasse1', 'Bonjour2026', 'contraseña1'],
    ...['Contraseña123', 'senha123', 'parola123', 'wachtwoord1', 'Welkom01!', 'lösenord1', 'salasana1', 'hasło123'],
    ...[
      'jelszo123',
      'heslo123',
      'şifre123',
      'пароль123',
      'gfhjkm123',
      'привет123',
      'κωδικός1',
      'パスワード123',
      '비밀번호123',
      '密码123456',
    ],
    ...['سيسمة123456', 'katasandi1', 'woaini520', 'ichliebedich', 'tequiero1', 'jetaime!'].slice(1),
  ],
  'a few common words': [
    ...[
      'dragonmonkey',
      'ilovemonkey',
      'passwordlove',
      'secretpassword',
      'love-secret',
      'adminpassword',
      'letmeinplease',
    ],
    ...['welcomeadmin', 'testpassword1', 'superdragon!', 'hellohello123', 'rootroot1', 'Iloveyou2!', 'MyPassword1'],
  ],
}

const allowed: Readonly<Record<string, readonly string[]>> = {
  'unrelated words': [
    ...['correct horse battery', 'another long password', 'tr4nsit-k3ttle-moss', 'correcthorsebatterystaple'],
    ...[
      'lovelace writes programs',
      'Ada likes purple kettles',
      'velvet-otter-lagoon',
      'mango.tractor.whistle',
      'Seven blue herons!',
    ],
    ...[
      'glacier_pickle_drum',
      'my cat hates mondays a lot',
      'Umbrella Parade Tonight',
      'staple-moss-canyon-7',
      'rusty anchors sink twice',
    ],
    ...['TurnipLanternVoyage', 'quiet-lemon-orbit-42', 'the moon smells of cheese', 'wizardry pays the rent'],
  ],
  'words of other languages': [
    ...[
      'der blaue elefant tanzt',
      'vlaamse frieten zijn lekker',
      'le chat dort sous la table',
      'el perro come naranjas',
    ],
    ...[
      'o gato bebe leite frio',
      'il treno parte domani',
      'pies goni listonosza',
      'den gamle fiskaren sover',
      'kissa juo kylmää maitoa',
    ],
    ...[
      'пятнадцать синих чайников',
      'зелёный трамвай поёт',
      'το πλοίο φεύγει αύριο',
      'החתול ישן על הגג',
      'القطة تنام على السطح',
    ],
    ...[
      '雨の日に傘を三本',
      '青い象が踊る夜',
      '三只老虎跑得快吗',
      '파란 코끼리가 춤춘다',
      'แมวนอนบนหลังคา',
      'बिल्ली छत पर सोती है',
      'con mèo ngủ trên mái',
    ],
  ],
  random: [
    ...[
      'x7#Qm2!vRt9z',
      'kX9$mQ2v',
      'gT5!kfW2',
      'J4f9-kwm2-Pq8z',
      'f3b9a1c8d7e6',
      'hzkqwmtb',
      'vR8nLqZx',
      'w7Yp-q3Tz',
      'bq8xk2vz',
    ],
    ...[
      'Zr4!uN9?',
      '0bV^kz8Pq',
      'tJ6xwQ8mDp',
      '5GhzuK-2qmW-x9Lr',
      'c5mq0dzy',
      'ujxkgqbf',
      'PzX3vkQ9',
      '9f8e2c71ab04',
      'Wq7_zP3-hX',
      '^*(&)_+~',
    ],
    ...[
      '4a7d1ed414474e4033ac29ccb8653d9b',
      'dQw4w9WgXcQ',
      'mF3Lr0Sb!',
      'eyKh7-Gq2Vz',
      '7301946528315',
      'YUIZbnqX83',
      '🦊🌲🚀🎸🧊🌊',
    ],
  ],
  long: [
    ...[
      'x7#Qm2!vRt9z'.repeat(10),
      'nobody expects the third umbrella in the fridge of my uncle from Toulouse, least of all me',
    ],
    ...[
      'Wenn der Regen fällt, tanzen die Frösche auf dem Dach des alten Bahnhofs',
      'kq'.concat('correct horse battery'),
    ],
  ],
}

const rows = (table: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(table).flatMap(([kind, passwords]) => passwords.map((password) => [kind, password] as const))

it('has enough examples', () => {
  expect(rows(refused).length).toBeGreaterThan(200)
  expect(rows(allowed).length).toBeGreaterThan(60)
})

it.each(rows(refused))('refuses %s: %s', async (_, password) => {
  expect(await isWeakPassword(password, about)).toBe(true)
})

it.each(rows(allowed))('allows %s: %s', async (_, password) => {
  expect(await isWeakPassword(password, about)).toBe(false)
})

it('needs no name and no address', async () => {
  expect(await isWeakPassword('correct horse battery', ['', ''])).toBe(false)
})

it('takes at most linear time for any password and any name', async () => {
  await isWeakPassword('warm', [])
  const long = (length: number) =>
    ['@', '4@3$0|1!', '19900101', 'qwertyuiop', 'passwor', '0аb', 'á̂', 'ⅷ', '(c)|{}[]<>'].map((unit, index) =>
      `${unit}${String.fromCodePoint(97 + index)}`.repeat(length).slice(0, length),
    )
  const millisecondsOf = async (length: number) => {
    const start = performance.now()
    for (const text of long(length)) await isWeakPassword(text, [text, text])
    return performance.now() - start
  }
  const accepted = await millisecondsOf(128)
  // Longer ones than the API accepts are cut, so that they cannot take longer than linear time either.
  expect(await millisecondsOf(128 * 100)).toBeLessThan(accepted * 50 + 500)
})
