@echo off
rem Removes LlamaGate; settings and data stay unless -Purge is said. Double-click it, or: uninstall.cmd -Yes -Purge

rem In brackets because cmd reads a file line by line, and this one removes itself.
(
    powershell -NoProfile -ExecutionPolicy Bypass -File "%~dp0uninstall.ps1" %*
    if errorlevel 1 (
        echo.
        echo LlamaGate was not removed. The lines above say why.
        if not defined CI pause
        exit /b 1
    )
    if not defined CI pause
    exit /b 0
)
