<?php

/**
 * Loads the classes of this package where there is no Composer: `require '…/contrib/php/autoload.php';`
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Rpcd\\')) {
        $file = __DIR__ . '/src/' . strtr(substr($class, strlen('Rpcd\\')), '\\', '/') . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
