-- +goose Up

-- Plans and credits are of users, whatever the workspace; there are rows only where plans are on. What a row of credit_accounts says follows
-- from the user's ledger and holds: it is kept so that nobody has to add up.
CREATE TABLE credit_accounts (
    user_id       TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    plan          TEXT   NOT NULL CHECK (plan IN ('free', 'pro', 'organization')),
    trial_ends_at BIGINT,          -- NULL where the trial was never started
    month         BIGINT NOT NULL, -- beginning of the month that used is of
    used          BIGINT NOT NULL CHECK (used >= 0),    -- of the month's allowance
    packs         BIGINT NOT NULL CHECK (packs >= 0),   -- credits of packs that are left and not held
    entered       BIGINT NOT NULL CHECK (entered >= 0), -- what the ledger makes of the allowance
    day           BIGINT NOT NULL, -- beginning of the day that requests is of
    requests      BIGINT NOT NULL CHECK (requests >= 0),
    entries       BIGINT NOT NULL CHECK (entries >= 0)  -- how many the ledger has
);

-- What calls under way may cost. They go with the lease of the job that makes the call.
CREATE TABLE credit_holds (
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id         TEXT   NOT NULL,
    month      BIGINT NOT NULL, -- whose allowance it is of
    allowance  BIGINT NOT NULL CHECK (allowance >= 0),
    packs      BIGINT NOT NULL CHECK (packs >= 0),
    job_id     TEXT   NOT NULL, -- '' where no job makes the call
    attempt    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX credit_holds_job ON credit_holds (job_id);

-- Every change of what a user has. Rows are added, and never changed.
CREATE TABLE credit_ledger (
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    n          BIGINT NOT NULL, -- from 1
    kind       TEXT   NOT NULL CHECK (kind IN ('allowance', 'expired', 'spent', 'bought', 'granted', 'referred', 'refunded')),
    allowance  BIGINT NOT NULL, -- added to the allowance, or taken
    packs      BIGINT NOT NULL, -- added to the packs, or taken
    operation  TEXT   NOT NULL, -- what credits were spent on, or ''
    tokens     BIGINT NOT NULL, -- that it took
    reference  TEXT   NOT NULL, -- the pack, or ''
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, n)
);

-- What was bought. A checkout is credited once.
CREATE TABLE credit_purchases (
    session_id TEXT   NOT NULL PRIMARY KEY, -- Stripe's
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    pack       TEXT   NOT NULL,
    credits    BIGINT NOT NULL CHECK (credits > 0),
    amount     BIGINT NOT NULL CHECK (amount > 0), -- in the smallest unit of the currency
    currency   TEXT   NOT NULL,
    payment    TEXT   NOT NULL, -- Stripe's payment intent
    reclaimed  BIGINT NOT NULL CHECK (reclaimed >= 0), -- credits that were to be taken back so far
    created_at BIGINT NOT NULL
);
CREATE INDEX credit_purchases_user ON credit_purchases (user_id);
CREATE INDEX credit_purchases_payment ON credit_purchases (payment);

-- What was given back of payments: a refund may be told before the purchase.
CREATE TABLE credit_refunds (
    payment    TEXT   NOT NULL PRIMARY KEY,
    amount     BIGINT NOT NULL CHECK (amount >= 0), -- in all
    created_at BIGINT NOT NULL
);
CREATE INDEX credit_refunds_time ON credit_refunds (created_at);

-- Events of Stripe that were heeded: none is twice.
CREATE TABLE credit_events (
    id         TEXT   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE INDEX credit_events_time ON credit_events (created_at);

CREATE TABLE referral_codes (
    code       TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE, -- who holds it
    month      BIGINT NOT NULL, -- for which it was earned
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    used_by    TEXT   REFERENCES users (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX referral_codes_month ON referral_codes (user_id, month);
CREATE INDEX referral_codes_used ON referral_codes (used_by);

-- Months for which codes were given out.
CREATE TABLE referral_months (
    month      BIGINT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);
