@echo off
rem Starts LlamaGate. Double-click it, or call it with llamagate's options: run.cmd --demo
setlocal
call "%~dp0environment.cmd" runtime .venv
if errorlevel 1 goto failed
"%~dp0..\..\.venv\Scripts\python.exe" "%~dp0..\..\llamagate.py" %*
if errorlevel 1 goto failed
exit /b 0

:failed
echo.
echo LlamaGate is not running. The lines above say why.
if not defined CI pause
exit /b 1
