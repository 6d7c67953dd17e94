// A token command for verify: prints a token of the development issuer at argv[2] for the user argv[3].
const [, , url, user] = process.argv;
const answer = await fetch(`${url}/dev/token`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ user_id: user }) });
process.stdout.write(`${((await answer.json()) as { token: string }).token}\n`);

export {};
