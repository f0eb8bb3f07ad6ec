<?php

/**
 * The page. It only shows what it is given, and escapes all of it.
 *
 * @var array<string, array{key: string, label: string, type: string, longest: int}> $fields what the form shows
 * @var array<string, string>|null $values null where they cannot be read
 * @var array<string, string> $shown what the file held when the form was made
 * @var array{bool, string}|null $notice whether it is a good one, and its words
 * @var string $token against forms that other sites send
 * @var string $user whom PHP runs as
 */

declare(strict_types=1);

$h = static fn (string $text): string => htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');

?>
<!DOCTYPE html>
<html lang="en">
<head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Settings of the shop</title>
    <link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
    <h1>Settings of the shop</h1>
    <p class="quiet">This page runs as <?= $h($user) ?>. The file belongs to root; rpcd changes it.</p>

<?php if ($notice !== null) : ?>
    <p class="notice <?= $notice[0] ? 'good' : 'bad' ?>" role="status"><?= $h($notice[1]) ?></p>
<?php endif ?>

<?php if ($values !== null) : ?>
    <form method="post" action="/">
        <input type="hidden" name="token" value="<?= $h($token) ?>">
    <?php foreach ($fields as $name => $field) : ?>
        <label>
            <?= $h($field['label']) ?>

            <small><?= $h($field['key']) ?></small>
            <input type="<?= $h($field['type']) ?>" name="<?= $h($name) ?>" value="<?= $h($values[$name]) ?>"
                   maxlength="<?= $field['longest'] ?>" required>
        </label>
        <input type="hidden" name="shown[<?= $h($name) ?>]" value="<?= $h($shown[$name]) ?>">
    <?php endforeach ?>
        <button name="action" value="save">Save</button>
    </form>
<?php endif ?>

    <hr>
    <p class="quiet">The mail password is in the same file. This page has no grant for it.</p>
    <form method="post" action="/">
        <input type="hidden" name="token" value="<?= $h($token) ?>">
        <button class="second" name="action" value="password">Try to read it</button>
    </form>
</main>
</body>
</html>
