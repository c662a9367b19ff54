import { expect, it } from 'vitest'
import { isWeakPassword } from './weak-password.ts'

const about = ['ada.lovelace@mail.example.com', 'Ada Lovelace']

it.each([
  ...['password', 'PassWord', 'password-123', 'Password1!', '123password', 'p@ssw0rd', 'P@ssw0rd2026!', '12345678'],
  ...['qwertyuiop', 'letmein!!!', 'passwordpassword', 'aaaaaaaaaa', 'abcabcabcabc', '!!!!dragon!!!!', 'aaaaaaaaaa1'],
  ...[
    'Appstrate',
    'appstrate2026',
    '@ppstr4te',
    'my-appstrate',
    'Lovelace1815',
    'adalovelace',
    'lovelace.appstrate1',
    'ada.lovelace@mail.example.com',
  ],
])('refuses %s', async (password) => {
  expect(await isWeakPassword(password, about)).toBe(true)
})

it.each([
  'correct horse battery',
  'another long password',
  'tr4nsit-k3ttle-moss',
  'lovelace writes programs',
  'x7#Qm2!vRt9z',
])('allows %s', async (password) => {
  expect(await isWeakPassword(password, about)).toBe(false)
})

it('needs no name and no address', async () => {
  expect(await isWeakPassword('correct horse battery', ['', ''])).toBe(false)
})
