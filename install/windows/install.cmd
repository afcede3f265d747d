@echo off
rem Installs LlamaGate for you, without administrator's rights. Double-click it, or: install.cmd -Yes -Binary FILE
powershell -NoProfile -ExecutionPolicy Bypass -File "%~dp0install.ps1" %*
if errorlevel 1 goto failed
if not defined CI pause
exit /b 0

:failed
echo.
echo LlamaGate was not installed. The lines above say why.
if not defined CI pause
exit /b 1
