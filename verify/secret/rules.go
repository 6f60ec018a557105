package secret

// providers are the rules for credentials that are told by their own form. Sources are the documentation of each provider, or of
// the format.
var providers = []Rule{
	{ID: "aws-access-key-id", Title: "an AWS access key id", Source: "IAM identifiers: 20 characters after AKIA (user), ASIA (temporary), ABIA (bearer), ACCA (context)", Keywords: []string{"akia", "asia", "abia", "acca"}, Pattern: `\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b`},
	{ID: "aws-secret-access-key", Title: "an AWS secret access key", Source: "AWS security credentials: 40 characters of base64 by a name that says so", Keywords: []string{"aws", "secret"}, Pattern: `(?i)(?:aws|secret)[\w.-]{0,30}(?:key|secret|token)["']?[ \t]{0,8}(?:=>|[=:,])[ \t]{0,8}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)`, Entropy: 4},
	{ID: "gcp-api-key", Title: "a Google API key", Source: "Google Cloud API keys: AIza and 35 characters", Keywords: []string{"aiza"}, Pattern: `\b(AIza[0-9A-Za-z_-]{35})`},
	{ID: "google-oauth-secret", Title: "a Google OAuth client secret", Source: "Google OAuth clients since 2021: GOCSPX- and 28 characters", Keywords: []string{"gocspx-"}, Pattern: `(GOCSPX-[0-9A-Za-z_-]{28})`},
	{ID: "google-oauth-token", Title: "a Google OAuth access token", Source: "Google OAuth 2.0: ya29. and base64url", Keywords: []string{"ya29."}, Pattern: `\b(ya29\.[0-9A-Za-z_-]{30,})`},
	{ID: "azure-storage-key", Title: "an Azure storage account key", Source: "Azure Storage connection strings: 64 bytes in base64", Keywords: []string{"accountkey"}, Pattern: `(?i)AccountKey[ \t]{0,8}[=:][ \t]{0,8}["']?([A-Za-z0-9+/]{86}==)`},
	{ID: "azure-client-secret", Title: "a Microsoft Entra client secret", Source: "Entra application secrets: three characters, a digit, Q~ and 31 to 34 more", Keywords: []string{"q~"}, Pattern: `(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})`},
	{ID: "azure-sas", Title: "an Azure shared access signature", Source: "Azure Storage SAS: the sig parameter, an HMAC in URL-encoded base64", Keywords: []string{"sig="}, Pattern: `(?i)[?&;]sig=([A-Za-z0-9%+/]{43,64}(?:%3D|=))`},
	{ID: "azure-devops-token", Title: "an Azure DevOps token", Source: "Azure DevOps personal access tokens since 2024: 84 characters with AZDO in place 77", Keywords: []string{"azdo"}, Pattern: `\b([A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4})\b`},
	{ID: "github-token", Title: "a GitHub token", Source: "GitHub token formats: ghp_, gho_, ghu_, ghs_, ghr_ and at least 36 characters", Keywords: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, Pattern: `\b(gh[pousr]_[A-Za-z0-9]{36,})`},
	{ID: "github-fine-grained-token", Title: "a GitHub fine-grained token", Source: "GitHub token formats: github_pat_, 22 and 59 characters", Keywords: []string{"github_pat_"}, Pattern: `\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})`},
	{ID: "gitlab-token", Title: "a GitLab token", Source: "GitLab token prefixes: glpat, gldt, glrt, glcbt, glptt, glft, glimt, glagent, gloas, glsoat", Keywords: []string{"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-"}, Pattern: `\b(gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_.-]{20,})`},
	{ID: "bitbucket-token", Title: "an Atlassian token", Source: "Atlassian API tokens (ATATT3) and Bitbucket access tokens (ATCTT3, ATBB)", Keywords: []string{"atatt3", "atctt3", "atbb"}, Pattern: `\b(AT[AC]TT3[A-Za-z0-9_=-]{100,}|ATBB[A-Za-z0-9]{32})\b`},
	{ID: "slack-token", Title: "a Slack token", Source: "Slack token types: xoxb, xoxp, xoxa, xoxr, xoxe, xoxs, xapp", Keywords: []string{"xox", "xapp-"}, Pattern: `\b((?:xox[abeoprs](?:\.xox[bp])?|xapp)-[0-9A-Za-z-]{20,})`},
	{ID: "slack-webhook", Title: "a Slack webhook address", Source: "Slack incoming webhooks and workflow triggers", Keywords: []string{"hooks.slack.com"}, Pattern: `(hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,})`},
	{ID: "discord-webhook", Title: "a Discord webhook address", Source: "Discord webhooks: id and token in the path", Keywords: []string{"/api/webhooks/"}, Pattern: `(discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,100})`},
	{ID: "telegram-token", Title: "a Telegram bot token", Source: "Telegram Bot API: number, colon, AA and 33 characters", Keywords: []string{":aa"}, Pattern: `\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)`},
	{ID: "stripe-key", Title: "a Stripe key", Source: "Stripe API keys: sk_ and rk_, live and test", Keywords: []string{"sk_live_", "sk_test_", "rk_live_", "rk_test_"}, Pattern: `\b((?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,})`},
	{ID: "webhook-signing-secret", Title: "a webhook signing secret", Source: "Stripe and Standard Webhooks: whsec_ and base64", Keywords: []string{"whsec_"}, Pattern: `\b(whsec_[A-Za-z0-9+/=]{24,100})`},
	{ID: "twilio-key", Title: "a Twilio key", Source: "Twilio API key SIDs: SK and 32 hexadecimal digits; auth tokens by their name", Keywords: []string{"sk", "twilio"}, Pattern: `\b(SK[0-9a-f]{32})\b|(?i:twilio[\w.-]{0,30}["']?[ \t]{0,8}[=:,][ \t]{0,8}["']?)([0-9a-f]{32})\b`, Entropy: 2.5},
	{ID: "sendgrid-key", Title: "a SendGrid key", Source: "SendGrid API keys: SG., 22 and 43 characters", Keywords: []string{"sg."}, Pattern: `\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})`},
	{ID: "mailgun-key", Title: "a Mailgun key", Source: "Mailgun private keys: key- and 32 hexadecimal digits", Keywords: []string{"key-"}, Pattern: `\b(key-[0-9a-f]{32})\b`},
	{ID: "mailchimp-key", Title: "a Mailchimp key", Source: "Mailchimp keys: 32 hexadecimal digits and the data centre", Keywords: []string{"-us"}, Pattern: `\b([0-9a-f]{32}-us[0-9]{1,2})\b`},
	{ID: "npm-token", Title: "an npm token", Source: "npm access tokens: npm_ and 36 characters; older ones by _authToken", Keywords: []string{"npm_", "_authtoken"}, Pattern: `\b(npm_[A-Za-z0-9]{36})\b|_authToken[ \t]{0,8}=[ \t]{0,8}["']?([A-Za-z0-9_=+/-]{20,})`},
	{ID: "pypi-token", Title: "a PyPI token", Source: "PyPI API tokens: a macaroon that names pypi.org or test.pypi.org", Keywords: []string{"pypi-age"}, Pattern: `\b(pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,})`},
	{ID: "rubygems-key", Title: "a RubyGems key", Source: "RubyGems API keys: rubygems_ and 48 hexadecimal digits", Keywords: []string{"rubygems_"}, Pattern: `\b(rubygems_[0-9a-f]{48})\b`},
	{ID: "nuget-key", Title: "a NuGet key", Source: "NuGet API keys: oy2 and 43 characters of lower-case base32", Keywords: []string{"oy2"}, Pattern: `\b(oy2[a-z0-9]{43})\b`},
	{ID: "crates-token", Title: "a crates.io token", Source: "crates.io tokens: cio and 32 characters", Keywords: []string{"cio"}, Pattern: `\b(cio[A-Za-z0-9]{32})\b`, Entropy: 3.5},
	{ID: "docker-token", Title: "a Docker Hub token", Source: "Docker personal and organisation access tokens: dckr_pat_, dckr_oat_", Keywords: []string{"dckr_"}, Pattern: `\b(dckr_[po]at_[A-Za-z0-9_-]{27,40})`},
	{ID: "openai-key", Title: "an OpenAI key", Source: "OpenAI keys: sk-, by kind, with T3BlbkFJ inside the older ones", Keywords: []string{"sk-"}, Pattern: `\b(sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{20,60}T3BlbkFJ[A-Za-z0-9]{20,60}|sk-[A-Za-z0-9]{48})`},
	{ID: "anthropic-key", Title: "an Anthropic key", Source: "Anthropic keys: sk-ant-, kind and version, base64url", Keywords: []string{"sk-ant-"}, Pattern: `\b(sk-ant-[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{40,})`},
	{ID: "huggingface-token", Title: "a Hugging Face token", Source: "Hugging Face user and organisation tokens: hf_, api_org_", Keywords: []string{"hf_", "api_org_"}, Pattern: `\b((?:hf|api_org)_[A-Za-z0-9]{34,40})\b`},
	{ID: "digitalocean-token", Title: "a DigitalOcean token", Source: "DigitalOcean tokens: dop_v1_, doo_v1_, dor_v1_ and 64 hexadecimal digits", Keywords: []string{"dop_v1_", "doo_v1_", "dor_v1_"}, Pattern: `\b(do[opr]_v1_[0-9a-f]{64})\b`},
	{ID: "heroku-key", Title: "a Heroku key", Source: "Heroku API keys: HRKU-", Keywords: []string{"hrku-"}, Pattern: `\b(HRKU-[A-Za-z0-9_-]{36,70})`},
	{ID: "shopify-token", Title: "a Shopify token", Source: "Shopify tokens: shpat_, shpca_, shppa_, shpss_ and 32 hexadecimal digits", Keywords: []string{"shpat_", "shpca_", "shppa_", "shpss_"}, Pattern: `\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b`},
	{ID: "square-token", Title: "a Square token", Source: "Square tokens: sq0atp-, sq0csp-, EAAA", Keywords: []string{"sq0", "eaaa"}, Pattern: `\b(sq0(?:atp|csp|idp)-[0-9A-Za-z_-]{22,43}|EAAA[A-Za-z0-9_-]{60})(?:[^A-Za-z0-9_+/-]|$)`},
	{ID: "vault-token", Title: "a HashiCorp Vault token", Source: "Vault tokens since 1.10: hvs., hvb., hvr.", Keywords: []string{"hvs.", "hvb.", "hvr."}, Pattern: `\b(hv[sbr]\.[A-Za-z0-9_-]{24,})`},
	{ID: "terraform-token", Title: "a HCP Terraform token", Source: "Terraform API tokens: 14 characters, atlasv1 and 60 or more", Keywords: []string{".atlasv1."}, Pattern: `\b([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,80})`},
	{ID: "databricks-token", Title: "a Databricks token", Source: "Databricks personal access tokens: dapi and 32 hexadecimal digits", Keywords: []string{"dapi"}, Pattern: `\b(dapi[0-9a-f]{32}(?:-[0-9])?)\b`},
	{ID: "grafana-token", Title: "a Grafana token", Source: "Grafana service accounts (glsa_) and cloud access policies (glc_)", Keywords: []string{"glsa_", "glc_"}, Pattern: `\b(glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/=]{32,})`},
	{ID: "newrelic-key", Title: "a New Relic key", Source: "New Relic user keys (NRAK-) and license keys (NRAL)", Keywords: []string{"nrak-", "nral"}, Pattern: `\b(NRAK-[A-Z0-9]{27}|[0-9a-f]{36}NRAL)\b`},
	{ID: "sentry-token", Title: "a Sentry token", Source: "Sentry user (sntryu_) and organisation (sntrys_) tokens", Keywords: []string{"sntryu_", "sntrys_"}, Pattern: `\b(sntryu_[0-9a-f]{64}|sntrys_[A-Za-z0-9+/=_-]{60,})`},
	{ID: "postman-key", Title: "a Postman key", Source: "Postman API keys: PMAK-, 24 and 34 hexadecimal digits", Keywords: []string{"pmak-"}, Pattern: `\b(PMAK-[0-9a-f]{24}-[0-9a-f]{34})\b`},
	{ID: "linear-key", Title: "a Linear key", Source: "Linear API keys: lin_api_ and 40 characters", Keywords: []string{"lin_api_"}, Pattern: `\b(lin_api_[A-Za-z0-9]{40})\b`},
	{ID: "notion-token", Title: "a Notion token", Source: "Notion integration tokens: ntn_, earlier secret_ and 43 characters", Keywords: []string{"ntn_", "secret_"}, Pattern: `\b(ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43})\b`, Entropy: 3.5},
	{ID: "supabase-token", Title: "a Supabase token", Source: "Supabase access tokens (sbp_) and secret keys (sb_secret_)", Keywords: []string{"sbp_", "sb_secret_"}, Pattern: `\b(sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{22,60})`},
	{ID: "age-key", Title: "an age identity", Source: "age file encryption: AGE-SECRET-KEY-1 and 58 characters of Bech32", Keywords: []string{"age-secret-key-1"}, Pattern: `\b(AGE-SECRET-KEY-1[0-9A-Z]{58})\b`},
	{ID: "private-key", Lines: true, Title: "a private key", Source: "PEM (RFC 7468), OpenSSH and PGP private keys: the first line and what follows it; the first line alone is no key", Keywords: []string{"private key"}, Pattern: `-----BEGIN (?:[A-Z0-9]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,300}?([A-Za-z0-9+/]{40})`},
	{ID: "putty-key", Lines: true, Title: "a PuTTY private key", Source: "PuTTY key files, versions 2 and 3", Keywords: []string{"putty-user-key-file-"}, Pattern: `PuTTY-User-Key-File-[23]:[\s\S]{1,1000}?Private-Lines:[ \t]{0,4}[0-9]{1,4}\s{1,4}([A-Za-z0-9+/]{40})`},
	{ID: "jwt", Title: "a JSON Web Token", Source: "RFC 7519: two JSON objects and a signature in base64url", Keywords: []string{"eyj"}, Pattern: `\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})`},
	{ID: "url-password", Title: "a password in a URL", Source: "RFC 3986: user information before the host", Keywords: []string{"://"}, Pattern: `(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@"'<>$?#{}]{0,100}:([^\s/@"'<>?#]{3,200})@[a-z0-9.\[{$%_-]`},
	{ID: "authorization-header", Title: "a credential in an Authorization header", Source: "RFC 9110: the scheme and its credential", Keywords: []string{"authorization"}, Pattern: `(?i)authorization["']?[ \t]{0,8}(?:=>|[=:,])[ \t]{0,8}["']?(?:bearer|basic|token|bot)[ \t]{1,4}([A-Za-z0-9._~+/=-]{16,})`, Entropy: 3},
	{ID: "redoubt-key", Title: "a Redoubt key", Source: "this program: rdk_, rdv_, rda_ and 36 base62 characters", Keywords: []string{"rdk_", "rdv_", "rda_"}, Pattern: `\b(rd[kva]_[A-Za-z0-9]{36})\b`, Entropy: 3},
}

// general are the rules that go by the name before a literal: in code and data between quotes, in configuration also without.
// Group 1 is the name, group 2 the literal.
var general = []Rule{
	{
		ID: "generic-secret", Title: "a literal under the name of a secret, token or key", Source: "names such as api_key, client_secret, access_token before a quoted literal",
		Keywords: secretWords, General: true, Entropy: 3.4,
		Pattern: `(?i)([\w.-]{0,60}(?:secret|token|api[_.-]?key|access[_.-]?key|auth[_.-]?key|private[_.-]?key|signing[_.-]?key|encryption[_.-]?key|master[_.-]?key|credential)[\w.-]{0,60})["'\]]{0,2}[ \t]{0,16}(?::=|=>|[=:,])[ \t]{0,16}(?:["'\x60]([^\s"'\x60]{16,})["'\x60])`,
	},
	{
		ID: "generic-secret-setting", Title: "a setting under the name of a secret, token or key", Source: "lines such as API_KEY=… of .env, properties and YAML files",
		Keywords: secretWords, General: true, Entropy: 3.4,
		Pattern: `(?i)^[ \t]{0,40}(?:-[ \t]{1,8})?(?:export[ \t]{1,8}|set[ \t]{1,8}|env[ \t]{1,8}|arg[ \t]{1,8})?([\w.-]{0,60}(?:secret|token|api[_.-]?key|access[_.-]?key|auth[_.-]?key|private[_.-]?key|signing[_.-]?key|encryption[_.-]?key|master[_.-]?key|credential)[\w.-]{0,60})[ \t]{0,16}[=:][ \t]{0,16}([A-Za-z0-9+/=_.~!@%^&*-]{16,})[ \t]{0,16}\r?$`,
	},
	{
		ID: "generic-password", Title: "a literal under the name of a password", Source: "names such as password, passwd, pwd, passphrase before a quoted literal",
		Keywords: []string{"pass", "pwd"}, General: true, Entropy: 1.8,
		Pattern: `(?i)([\w.-]{0,60}(?:password|passwd|passphrase|passwort|pwd|[_.-]pass)[\w.-]{0,60})["'\]]{0,2}[ \t]{0,16}(?::=|=>|[=:,])[ \t]{0,16}(?:["'\x60]([^\s"'\x60]{4,})["'\x60])`,
	},
	{
		ID: "generic-password-setting", Title: "a setting under the name of a password", Source: "lines such as DB_PASSWORD=… of .env, properties and YAML files",
		Keywords: []string{"pass", "pwd"}, General: true, Entropy: 1.8,
		Pattern: `(?i)^[ \t]{0,40}(?:-[ \t]{1,8})?(?:export[ \t]{1,8}|set[ \t]{1,8}|env[ \t]{1,8}|arg[ \t]{1,8})?([\w.-]{0,60}(?:password|passwd|passphrase|passwort|pwd|[_.-]pass)[\w.-]{0,60})[ \t]{0,16}[=:][ \t]{0,16}([A-Za-z0-9+/=_.~!@%^&*#?-]{4,})[ \t]{0,16}\r?$`,
	},
}

// secretWords are the words that the general rules for secrets look for in a name.
var secretWords = func() []string {
	words := []string{"secret", "token", "credential"}
	for _, what := range []string{"api", "access", "auth", "private", "signing", "encryption", "master"} {
		for _, joint := range []string{"", "_", "-", "."} {
			words = append(words, what+joint+"key")
		}
	}
	return words
}()
