/** The page behind an invitation link, until there is a dashboard. It loads everything that it shows from the API. */
export const invitationPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Invitation</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
  body { max-width: 26rem; margin: 12vh auto; padding: 0 1.25rem }
  h1 { font-size: 1.5rem }
  label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit }
  input { margin: .25rem 0 1rem; padding: .5rem }
  button { padding: .6rem; cursor: pointer }
  [hidden] { display: none }
</style>
</head>
<body>
<main>
<h1>Invitation</h1>
<p id="text" role="status">One moment…</p>
<form hidden>
  <label id="nameRow">Your name <input name="displayName" maxlength="200" autocomplete="name"></label>
  <label id="passwordRow">Password
    <input name="password" type="password" minlength="8" maxlength="128" required></label>
  <button>Join</button>
</form>
<noscript>This page needs JavaScript.</noscript>
</main>
<script>
  const path = '/api/invitations/' + location.pathname.split('/')[2]
  const text = document.getElementById('text'), form = document.querySelector('form')
  const say = (words) => { text.textContent = words }
  const send = async (method, url, body) => {
    const content = body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}
    const answer = await fetch(url, { method, ...content })
    const json = await answer.json()
    if (!answer.ok) throw new Error(json.detail)
    return json
  }
  const show = (id, wanted) => {
    document.getElementById(id).hidden = !wanted
    for (const input of document.querySelectorAll('#' + id + ' input')) input.disabled = !wanted
  }
  const start = async () => {
    const invitation = await send('GET', path)
    const session = await send('GET', '/api/auth/get-session')
    const isSignedIn = session !== null && session.user.email === invitation.email
    const who = invitation.inviterName ?? 'Somebody'
    const next = session !== null && !isSignedIn ? 'You are signed in as ' + session.user.email + ': sign out first.'
      : invitation.isNewUser ? 'Choose a password for your new account.'
      : isSignedIn ? ''
      : 'Sign in with the password of your account.'
    say(who + ' invites ' + invitation.email + ' to join ' + invitation.orgName +
      ' in the role ' + invitation.role + '. ' + next)
    show('nameRow', !isSignedIn && invitation.isNewUser)
    show('passwordRow', !isSignedIn || invitation.isNewUser)
    form.password.autocomplete = invitation.isNewUser ? 'new-password' : 'current-password'
    form.hidden = session !== null && !isSignedIn
    form.onsubmit = (event) => {
      event.preventDefault()
      join(invitation, isSignedIn).catch((error) => say(error.message))
    }
  }
  const join = async ({ email, orgName, isNewUser }, isSignedIn) => {
    const password = form.password.value, displayName = form.displayName.value.trim()
    if (!isSignedIn && !isNewUser) {
      const signedIn = await send('POST', '/api/auth/sign-in/email', { email, password })
      if (signedIn.twoFactorRedirect) throw new Error('Your account requires a second factor: ' +
        'sign in on another page in this browser, then open the link again.')
    }
    const fields = { password, ...(displayName === '' ? {} : { displayName }) }
    const joined = await send('POST', path + '/accept', isNewUser ? fields : undefined)
    form.hidden = true
    say('You are a member of ' + orgName + '.' + (joined.signedIn ? '' : ' Verify your address before you sign in.'))
  }
  start().catch((error) => say(error.message))
</script>
</body>
</html>
`
